"""Keeping a store for years: its format, what is damaged in it, what nobody needs, and carrying repos elsewhere."""
