"""Comparing rows of results folders: the declared family, and any two rows."""
