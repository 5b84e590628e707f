"""``cytobench plugin new``: a whole distribution of a plugin that works, to be changed into what its author has in mind.

Imports nothing, so that the command line can list kinds and licences at once.
"""
