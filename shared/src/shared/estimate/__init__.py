"""What a phase will take, computed from a model's config.json and the settings alone: no torch, no GPU, no network.

`docs/estimates.md` has the formulas in words, what they were checked against, and what was not.
"""
