"""Greedy answers whose tokens do not depend on which others are answered at the same time."""
