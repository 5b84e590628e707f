"""``cytobench plugin new``: a whole distribution of a plugin that works, for its author to change.

Imports nothing, so that the command line can list kinds and licences at once.
"""
