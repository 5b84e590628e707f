"""What can be concluded from results: pure functions on scores and predictions, no records and no files.

Nothing heavy is imported here; each module says which library its method comes from (docs/statistics.md has the whole).
"""
