"""Every command that writes or tells something says it as JSON too, alone on stdout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cytobench.api import RunResult
from cytobench.cli import main

ROW = "repeat/random/s2/n3"


@pytest.fixture
def place(small: Callable[..., RunResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with results in ``out``."""
    small(fold=[0, 1])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("leaderboard out --json", lambda found: found["sections"][0]["rows"][0]["rank"] == 1),
        (f"confusion out --row {ROW} --format json", lambda found: sum(map(sum, found[0]["counts"])) == 24),
        ("figures out --out figs --only cost-stages --json", lambda found: found[0]["name"] == "cost-stages"),
        ("report out --out page --json", lambda found: Path(found["page"]).is_file()),
        ("export out --generator repeat --out made --with-real-images --json", lambda found: found["images"] == 18),
        (
            "generate --generator repeat --dataset cells --label A --shots 2 -n 3 --out g --preset pocket --json",
            lambda found: [found["folder"], found["images"], found["shots"], len(found["copies"])]
            == [str(Path("g/A")), 3, 2, 3],
        ),
        ("show out --json", lambda found: len(found) == 4),
        ("compare out --a repeat/random/s2/n3 --b none/random/s0/n0 --json", lambda found: bool(found)),
    ],
)
def test_stdout_is_json_alone(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: str, told: Callable[[Any], bool]
) -> None:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())
    said = capsys.readouterr()
    assert not ended.value.code, said.err
    assert told(json.loads(said.out))
