"""Comparisons as text."""
