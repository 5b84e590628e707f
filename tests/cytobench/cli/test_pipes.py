"""``cytobench ... | head``: the reader of a pipe may go, which is no failure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[3] / "results" / "phantom-strict-pocket"


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["leaderboard", RESULTS], ["show", RESULTS, "--json"], ["leaderboard", RESULTS, "--format", "html"]],
    ids=str,
)
def test_a_reader_that_has_gone_is_no_failure(arguments: list[object]) -> None:
    command = [sys.executable, "-P", "-m", "cytobench", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()  # before anything is written
    assert (process.stderr.read(), process.wait(timeout=60)) == ("", 0)
