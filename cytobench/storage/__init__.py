"""Where work and its results are kept."""
