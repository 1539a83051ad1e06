"""Runs jobs of the GitHub workflows on this machine. Steps are read from the files, so that nothing can drift."""
