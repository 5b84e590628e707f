"""Planning and doing the work of a run."""
