"""Buckets: folders of large files without a history, filled by Xet.

The contents lie among those of the repos.
"""
