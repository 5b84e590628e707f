"""The benchmarks that come with cytobench, found by name: ``table-s2`` is ``benchmarks/table-s2.toml``."""

from __future__ import annotations

from pathlib import Path

from cytobench._text import did_you_mean
from cytobench.errors import UserError

SUFFIX = ".toml"


def shipped_benchmarks() -> dict[str, Path]:
    """The file of each by its name, in the order of names."""
    package = Path(__file__).parents[1]
    # A wheel has them in the package (setup.py); a source tree, or an installation in place, beside it.
    folders = (package / "benchmarks", package.parent / "benchmarks")
    folder = next((folder for folder in folders if folder.is_dir()), package)
    files = {file.stem: file for file in folder.glob(f"*{SUFFIX}")}
    return dict(sorted(files.items()))


def find_benchmark(named: str | Path) -> Path:
    """The file of a benchmark: the one at this path, or, where there is none, the shipped one of this name.

    What has a suffix or lies in a folder is a path; whether it can be read is left to the reader. Raises UserError for
    a name that is none of the known ones, with the nearest and all of them.
    """
    named, known = Path(named), shipped_benchmarks()
    if named.is_file():
        return named
    if not named.suffix and len(named.parts) == 1 and named.name in known:
        return known[named.name]
    if named.suffix == SUFFIX and not named.exists() and named.stem in known:
        raise UserError(f"{named}: no such file. The one that comes with cytobench is called {named.stem}.")
    if named.suffix or len(named.parts) != 1 or named.exists():
        return named
    hint = did_you_mean(named.name, known)
    raise UserError(
        f"{named}: no such file, and no benchmark of this name.{hint} Known: {', '.join(known) or 'none'}."
    )
