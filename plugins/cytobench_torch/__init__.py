"""The training loop that the built-in classifiers share, with what goes with it: augmentation, checkpoints, features.

It is no plugin and no part of the contract; only plugins import it. It has no entry point: ``pyproject.toml`` installs
every package of ``plugins/`` whose name begins with ``cytobench``, so that it is found by its name.
"""
