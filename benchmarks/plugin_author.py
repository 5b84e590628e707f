"""From ``cytobench plugin new`` to a row on the leaderboard: how long it takes, and how many lines are written by hand.

    python benchmarks/plugin_author.py [--json FILE]

Does what docs/plugins/tutorial.md prints, in an environment of its own on top of the running one, with nothing
downloaded and an empty cache folder, and says the seconds of each command. What a person takes to read and type is not
in it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cytobench.testing.kinds import KINDS
from layered import Layered
from walkthrough import Written, walk

TUTORIAL = Path(__file__).parents[1] / "docs" / "plugins" / "tutorial.md"


class Broken(Exception):
    """A command of the tutorial failed."""


def measure(folder: Path) -> dict[str, Any]:
    """Walk the tutorial in ``folder``: seconds by command, and lines. Raises Broken."""
    commands: list[dict[str, Any]] = []
    by_hand: dict[str, int] = {}
    scaffolded = 0
    for step in walk(TUTORIAL.read_text(), Layered(folder), folder):
        if isinstance(step, Written):
            by_hand[step.file.path] = step.lines
            continue
        if step.code:
            raise Broken(f"{step.command.line}: exit code {step.code}\n{step.stdout}{step.stderr}")
        commands.append({"command": step.command.line, "seconds": step.seconds, "cpu": step.cpu})
        scaffolded = scaffolded or _lines(folder / "cytobench-turned")
    return {
        "commands": commands,
        "first_row": _until_row(commands, 1),
        "own_row": _until_row(commands, 2),
        "lines_scaffolded": scaffolded,
        "lines_by_hand": by_hand,
        "checks": {kind: len(checked.checks) for kind, checked in KINDS.items()},
    }


def _until_row(commands: Sequence[dict[str, Any]], row: int) -> dict[str, float]:
    """Seconds and CPU time of all commands up to the run with this number, that included."""
    runs = 0
    for number, command in enumerate(commands, start=1):
        runs += command["command"].startswith("cytobench run ")
        if runs == row:
            return {key: sum(before[key] for before in commands[:number]) for key in ("seconds", "cpu")}
    raise Broken(f"the tutorial has no run number {row}")


def _lines(folder: Path) -> int:
    """Lines of Python and of the project file that are not empty."""
    files = [*folder.rglob("*.py"), folder / "pyproject.toml"]
    return sum(1 for file in files for line in file.read_text().splitlines() if line.strip())


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file, too")
    options = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="plugin-author-") as folder:
        try:
            figures = measure(Path(folder))
        except Broken as error:
            print(error, file=sys.stderr)
            return 1
    sums = {"first_row": "to the first row, of the scaffold as it is", "own_row": "to the row of the changed plugin"}
    for row in [*figures["commands"], *({**figures[key], "command": text} for key, text in sums.items())]:
        print(f"{row['seconds']:6.1f} s, {row['cpu']:5.1f} s of CPU time  {row['command']}")
    by_hand = figures["lines_by_hand"]
    print(f"{figures['lines_scaffolded']} lines scaffolded; {sum(by_hand.values())} written by hand: {by_hand}")
    print("checks by kind: " + ", ".join(f"{kind} {count}" for kind, count in figures["checks"].items()))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
