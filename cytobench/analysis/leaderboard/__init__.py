"""The leaderboard: the table made of records."""

from __future__ import annotations

from cytobench.analysis.leaderboard.model import Figure, Leaderboard, Row, Section
from cytobench.analysis.leaderboard.ranking import leaderboard, one_a_place, tested_key

__all__ = ["Figure", "Leaderboard", "Row", "Section", "leaderboard", "one_a_place", "tested_key"]
