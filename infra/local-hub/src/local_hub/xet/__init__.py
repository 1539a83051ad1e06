"""The Xet protocol: uploads become whole files at once, and downloads are cut from them as they are read.

What it takes in belongs to a repo or a bucket from then on. Nothing of its own has to be kept.
"""
