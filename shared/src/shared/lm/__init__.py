"""What the jobs that run a language model share. Needs the extra `shared[lm]`."""
