"""Several seeds of one profile, pooled: what a training comes out at, and how much of that is the seed."""
