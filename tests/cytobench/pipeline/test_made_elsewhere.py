"""Images made elsewhere: what may have seen the test images is never ranked beside what has not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cytobench.api import RunResult, run
from cytobench.errors import UserError
from cytobench.reporting.leaderboard import render
from cytobench.storage.records import predictions_of, read_record

from ..noise import noise

Run = Callable[..., RunResult]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of ``folder`` and ``repeat`` on twelve images of each of A, B and C, two of A in one group."""
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    rows = []
    for i in range(36):
        name = f"{'ABC'[i // 12]}/{i % 12:02d}.png"
        for place in ("cells", "made") if i % 12 < 4 else ("cells",):
            noise(tmp_path / place / name, i + 99 * (place == "made"))
        group = "twins" if name in ("A/00.png", "A/01.png") else str(i)
        rows.append({"path": name, "label": "ABC"[i // 12], "group": group})
    pd.DataFrame(rows).to_csv(tmp_path / "cells" / "manifest.csv", index=False)

    def call(**changes: Any) -> RunResult:
        values: dict[str, Any] = {
            "dataset": str(tmp_path / "cells" / "manifest.csv"), "preset": "pocket", "generator": ["folder", "repeat"],
            "classifier": ["random"], "synthetic": [0, 3], "shots": [2], "folds": 3, "device": "cpu",
            "set": {"folder": {"path": str(tmp_path / "made")}}, "out": tmp_path / "out",
        }  # fmt: skip
        return run(**{**values, **changes})

    return call


def by_generator(result: RunResult) -> dict[str, Any]:
    (section,) = result.leaderboard.sections
    return {row.generator: row for row in section.rows}


def test_an_undeclared_row_is_marked_and_not_ranked(fake: Run) -> None:
    result = fake()
    rows = by_generator(result)
    assert rows["folder"].rank is None and not rows["folder"].best
    assert rows["repeat"].rank is not None and rows["none"].rank is not None
    for format_ in ("table", "markdown", "html", "latex"):
        assert "MAY HAVE SEEN THE TEST IMAGES" in render(result.leaderboard, format_)
    assert "undeclared" in render(result.leaderboard, "csv") and "undeclared" in render(result.leaderboard, "json")


@pytest.mark.parametrize("declared", ["external", "per-fold"])
def test_a_declaration_is_recorded_shown_and_ranked(fake: Run, tmp_path: Path, declared: str) -> None:
    result = fake(trained_on=declared)
    assert by_generator(result)["folder"].rank is not None
    assert "as declared" in render(result.leaderboard, "table")
    records = tmp_path / "out" / "records"
    assert read_record(records / "folder__random__s0__n3__fold0.json").made_elsewhere == declared
    assert read_record(records / "repeat__random__s2__n3__fold0.json").made_elsewhere == "no"


@pytest.mark.parametrize("name", ["seen.txt", "seen.csv"])
def test_listed_images_and_their_groups_are_in_no_validation_or_test_part(fake: Run, tmp_path: Path, name: str) -> None:
    head, why = ("path,why\n", ",seen") if name.endswith("csv") else ("", "")
    (tmp_path / name).write_text(head + "".join(f"{path}{why}\n" for path in ("A/00.png", "B/03.png", "C/11.png")))
    result = fake(trained_on=str(tmp_path / name))
    assert by_generator(result)["folder"].rank is not None
    evaluated: set[str] = set()
    for file in (tmp_path / "out" / "records").glob("*.json"):
        evaluated |= set(predictions_of(read_record(file), file)["path"])
    assert not evaluated & {"A/00.png", "A/01.png", "B/03.png", "C/11.png"}
    assert len(evaluated) == 36 - 4
    record = read_record(tmp_path / "out" / "records" / "none__random__s0__n0__fold1.json")
    assert sum(record.splits["train"].values()) + len(set(evaluated)) * 2 // 3 >= 30
    with pytest.raises(UserError, match="trained_on differ"):
        fake()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("A/77.png\n", "A/77.png: no image"),
        ("00.png\n", "00.png: A/00.png, B/00.png, C/00.png"),
        ("\n", "lists no image"),
    ],
)
def test_lists_that_make_no_sense_are_named(fake: Run, tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "seen.txt").write_text(content)
    with pytest.raises(UserError, match=said):
        fake(trained_on=str(tmp_path / "seen.txt"))
    assert not (tmp_path / "out").exists()


def test_mistakes_in_the_option_name_the_way_out(fake: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="write trained_on='per-fold' or 'external'"):
        fake(trained_on="perfold")
    with pytest.raises(UserError, match="no generator of this run was made elsewhere"):
        fake(trained_on="external", generator=["repeat"], set={})
    (tmp_path / "seen.txt").write_text("A/00.png\n")
    with pytest.raises(UserError, match="use strict"):
        fake(trained_on=str(tmp_path / "seen.txt"), protocol="cytodiff")
