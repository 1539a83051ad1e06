"""What all jobs must agree on. Importing it loads neither torch nor a Hub client."""
