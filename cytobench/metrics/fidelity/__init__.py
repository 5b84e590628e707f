"""How near two sets of features are, as numbers."""
