"""Several runs side by side: the same questions where they share them, and the settings that differ."""
