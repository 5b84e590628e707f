"""Content addresses: SHA-256 of canonical JSON, and seeds derived from words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

SCHEMA = 1
"""Raised when the meaning of a key changes; part of every key."""

_write = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


class CanonicalJson(str):
    """A value written as canonical JSON already, so that a long list is written once for all keys that hold it."""

    __slots__ = ()

    @classmethod
    def of(cls, value: Any) -> CanonicalJson:
        """Write a value. Raises TypeError for one that JSON cannot hold and ValueError for NaN."""
        return cls(_write(value))

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
    written: list[str] = []
    for is_written, group in groupby(values, key=lambda item: isinstance(item[1], CanonicalJson)):
        run = dict(group)
        written += [f"{_write(name)}:{text}" for name, text in run.items()] if is_written else [_write(run)[1:-1]]
    return hashlib.sha256(f"{{{','.join(written)}}}".encode()).hexdigest()


def derive_seed(seed: int, *words: str | int) -> int:
    """A seed of its own (0 .. 2**63 - 1) for these words, from the run's seed."""
    text = json.dumps([seed, *words])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
