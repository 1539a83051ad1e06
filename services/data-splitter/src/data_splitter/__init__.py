"""Splits the source questions into disjoint, validated sets."""
