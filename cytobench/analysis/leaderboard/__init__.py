"""The leaderboard: the table made of records."""

from __future__ import annotations

from cytobench.analysis.leaderboard.model import Aggregate, Leaderboard, Row, Section
from cytobench.analysis.leaderboard.ranking import leaderboard, one_per_replicate, tested_key

__all__ = ["Aggregate", "Leaderboard", "Row", "Section", "leaderboard", "one_per_replicate", "tested_key"]
