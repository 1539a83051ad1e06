"""The hub in a browser: pages rendered here, at the addresses that the Hub's clients print."""
