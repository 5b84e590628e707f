"""cytobench: do synthetic blood cells help a classifier, how good are they, and what do they cost?

``cytobench.run(generator="sd21-lora", classifier="clip")`` does what the command line does; docs/python.md says more.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cytobench.errors import CytobenchError, UserError

if TYPE_CHECKING:
    from cytobench.api import compare, fidelity, leaderboard, plan, read_records, run, score, verify

__all__ = [
    "CytobenchError",
    "UserError",
    "compare",
    "fidelity",
    "leaderboard",
    "plan",
    "read_records",
    "run",
    "score",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import the API when it is used, so that ``import cytobench`` stays fast."""
    if name in __all__:
        return getattr(import_module("cytobench.api"), name)
    raise AttributeError(f"module 'cytobench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
