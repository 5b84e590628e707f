"""The user's home folder, which not everybody has: a container may run as a number without a name."""

from __future__ import annotations

from pathlib import Path

from cytobench.errors import UserError


def home_folder() -> Path | None:
    """The home folder by ``HOME`` or the system's list of users; None where neither names one."""
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return home if home.is_absolute() else None


def expanded(path: str | Path) -> Path:
    """The path with ``~`` and ``~USER`` replaced. Raises UserError where there is no such home folder."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UserError(f"{path}: there is no such home folder. Write the path in full.") from None
