"""Records against a baseline: what got worse, by more than it may and more than chance explains."""
