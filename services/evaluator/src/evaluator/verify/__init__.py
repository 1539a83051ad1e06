"""Proof of a whole run after the fact: that everything its manifest says is so."""
