"""The conformance kit: does a plugin keep the rules of the contract? See docs/conformance.md.

:mod:`cytobench.testing.conformance` gives tests for a plugin's own suite; ``cytobench plugin check`` makes the same
checks. pytest is needed for the former alone.
"""
