"""Content addresses: SHA-256 of canonical JSON, and seeds derived from words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

SCHEMA = 1
"""Raised when the meaning of a key changes; part of every key."""


class CanonicalJson(str):
    """A value written as canonical JSON already, so that a long list is written once for all keys that hold it."""

    __slots__ = ()

    @classmethod
    def of(cls, value: Any) -> CanonicalJson:
        """Write a value. Raises TypeError for one that JSON cannot hold and ValueError for NaN."""
        return cls(json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False))

    @classmethod
    def of_list(cls, entries: Iterable[str]) -> CanonicalJson:
        """Join entries that are canonical JSON each."""
        return cls(f"[{','.join(entries)}]")

    def value(self) -> Any:
        """What was written."""
        return json.loads(self)


def content_key(kind: str, parts: Mapping[str, Any]) -> str:
    """SHA-256 in hex of the canonical JSON of what can change a stage's outcome.

    A part may be :class:`CanonicalJson`. Raises TypeError for a value that JSON cannot hold and ValueError for NaN: a
    key must never be a guess.
    """
    values = sorted({"schema": SCHEMA, "kind": kind, **parts}.items())
    written = (
        f"{CanonicalJson.of(name)}:{value if isinstance(value, CanonicalJson) else CanonicalJson.of(value)}"
        for name, value in values
    )
    return hashlib.sha256(f"{{{','.join(written)}}}".encode()).hexdigest()


def derive_seed(seed: int, *words: str | int) -> int:
    """A seed of its own (0 .. 2**63 - 1) for these words, from the run's seed."""
    text = json.dumps([seed, *words])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
