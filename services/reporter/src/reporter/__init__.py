"""Turns a run's manifest, curves and predictions into a report."""
