"""How far a measured figure can be trusted: intervals, tests, calibration, thresholds. Pure functions on numpy alone.

docs/statistics.md says what each figure means, with its formula and source.
"""
