"""Pure numbers: scores, statistics, fidelity, copying, time."""
