"""Jobs that run again and again, at times that a cron expression names."""
