"""Content addresses: SHA-256 of canonical JSON, and seeds derived from words."""

from __future__ import annotations

import hashlib
import json
from typing import Any

SCHEMA = 1
"""Raised when the meaning of a key changes; part of every key."""


def content_key(kind: str, parts: dict[str, Any]) -> str:
    """SHA-256 in hex of the canonical JSON of what can change a stage's outcome.

    Raises TypeError for a value that JSON cannot hold and ValueError for NaN: a key must never be a guess.
    """
    text = json.dumps({"schema": SCHEMA, "kind": kind, **parts}, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def derive_seed(seed: int, *words: str | int) -> int:
    """A seed of its own (0 .. 2**63 - 1) for these words, from the run's seed."""
    text = json.dumps([seed, *words])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
