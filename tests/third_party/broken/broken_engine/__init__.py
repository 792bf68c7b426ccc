"""Ways to be of no use as an engine."""
