"""cytobench: do synthetic blood cells help a classifier, how good are they, and what do they cost?

``cytobench.run(generator=["sd21-lora"], classifier=["clip"]).leaderboard`` does what the command line does.
"""

from __future__ import annotations

from typing import Any

__all__ = ["run"]


def __getattr__(name: str) -> Any:
    """Import the API when it is used, so that ``import cytobench`` stays fast."""
    if name == "run":
        from cytobench.api import run

        return run
    raise AttributeError(f"module 'cytobench' has no attribute {name!r}")
