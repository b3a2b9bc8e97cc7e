"""The regression gate: compares records with a baseline and finds those that got worse, beyond tolerance and chance."""
