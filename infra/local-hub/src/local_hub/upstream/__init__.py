"""Standing in front of another Hub: what is lacking here is fetched from there once, checked, kept and served."""
