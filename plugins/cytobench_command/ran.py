"""What tables say of a program."""

from __future__ import annotations

import hashlib

from cytobench.context import Context
from cytobench.contract import Ran


def what_ran(line: str, ctx: Context) -> Ran:
    """The command line, and a short digest over the files that count as the program's own."""
    if not ctx.assets:
        return Ran("no files named", line, None)
    joined = "".join(f"{name}\0{asset.digest}\n" for name, asset in sorted(ctx.assets.items()))
    return Ran(f"files@{hashlib.sha256(joined.encode()).hexdigest()[:12]}", line, None)
