"""From a declared benchmark to a run with nothing left open."""
