"""Evaluation of the models of a run on the same questions."""
