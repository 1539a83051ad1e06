"""Whether a run's best model may replace the one in use."""
