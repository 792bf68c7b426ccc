"""From what the user types to the resolved configuration of one run."""
