"""Launches the phases of a run as jobs. The same code serves HF Jobs and the local hub."""
