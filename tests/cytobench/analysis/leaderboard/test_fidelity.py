"""Fidelity under the leaderboard: one table for each extractor and numbers of images, a row for each set of images."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cytobench.analysis.leaderboard import leaderboard
from cytobench.reporting.leaderboard import render

FOLDS = range(5)
TEXTS = ("table", "markdown", "html")


def figure(value: float | None) -> dict[str, float | None] | None:
    return None if value is None else {"value": value, "low": None, "high": None}


def measured(
    fold: int, generator: str, *, kid: float = 0.1, fid: float | None = None, n: int = 60, **changes: Any
) -> dict[str, Any]:
    """A fidelity as a record has it; ``p`` is of the test for copies, which is not made without."""
    p = changes.pop("p", None)
    copying = {"testable": p != "chosen", "p_value": None if p == "chosen" else p}
    figures = {
        "n_real": 20, "n_synthetic": n, "kid": figure(kid), "kid_subset_size": 10, "fid": figure(fid),
        "precision": figure(0.9), "recall": figure(0.8), "copying": None if p is None else copying, "reasons": {},
        "floor": {"kid": 0.01 * fold, "fid": None, "precision": 1.0, "recall": 1.0, "halves": [(10, 10)]},
    }  # fmt: skip
    extractor = {
        "name": "lite0", "plugin": "lite0", "distribution": "cytobench", "version": "0.1.0", "revision": 1,
        "weights": {"weights": {"source": "here", "digest": "ab" * 32}}, "ran": None, "config": {}, "dimension": 1280,
        **changes,
    }  # fmt: skip
    key = f"{generator}-{fold}-{extractor['name']}"
    return {"key": key, "extractor": extractor, "seed": 0, "total": figures, "classes": {}}


@pytest.fixture
def tables(make_record):
    """The tables of records whose fidelities are these, by generator; ``texts`` are the formats."""

    def make(found: dict[str, list[dict[str, Any]]], classifiers: tuple[str, ...] = ("clip",)):
        records = [
            make_record(fold, generator=generator, classifier=classifier, fidelity=[one])
            for generator, all_of in found.items()
            for classifier in classifiers
            for fold, one in enumerate(all_of)
        ]
        board = leaderboard(records)
        return board.sections[0].fidelity, {name: render(board, name) for name in (*TEXTS, "json", "csv", "latex")}

    return make


def test_shots_that_tuned_nothing_are_not_named(make_record) -> None:
    record = make_record(0, fidelity=[measured(0, "sd21-lora")], made_elsewhere="external")
    board = leaderboard([record])
    [table] = board.sections[0].fidelity
    assert table.rows[0].tuned_elsewhere
    line = next(line for line in render(board, "markdown").splitlines() if "0.1000" in line)
    assert [cell.strip() for cell in line.split("|")][2:4] == ["-", "20"]


def test_figures_are_means_over_folds_and_classifiers_share_a_row(tables) -> None:
    kids = [0.1, 0.2, 0.3, 0.2, 0.2]
    [table], texts = tables({"repeat": [measured(i, "repeat", kid=kids[i]) for i in FOLDS]}, ("clip", "timm:resnet18"))
    [row] = table.rows
    assert (row.generator, row.shots, row.n_synthetic) == ("repeat", 16, 20)
    kid, floor = row.aggregates["kid"], row.aggregates["floor_kid"]
    assert kid and (kid.mean, kid.std) == (pytest.approx(0.2), pytest.approx(0.0707, abs=1e-4))
    assert floor and floor.mean == pytest.approx(0.02)
    assert row.aggregates["fid"] is None and row.copying == {}
    for name in TEXTS:
        text = texts[name].replace("\\", "")
        assert "0.2000±0.0707" in text and "0.0200±0.0158" in text and "too few" in text
        assert "Fidelity by lite0 (1280 features, weights abababababab): 60 synthetic images against 20" in text
        assert text.count("0.2000±0.0707") == 1
    [kept] = json.loads(texts["json"])["sections"][0]["fidelity"]
    assert kept["weights_digest"] == "ab" * 32 and kept["rows"][0]["figures"]["kid"]["folds"] == 5


def test_figures_of_other_numbers_of_images_or_extractors_share_no_table(tables) -> None:
    found = {
        "few": [measured(i, "few", n=30) for i in FOLDS],
        "many": [measured(i, "many") for i in FOLDS],
        "more": [measured(i, "more") for i in FOLDS],
        "incomplete": [measured(i, "incomplete") for i in range(3)],
        "elsewhere": [measured(i, "elsewhere", name="clip") for i in FOLDS],
    }
    found_tables, _ = tables(found)
    assert sorted(sorted(row.generator for row in table.rows) for table in found_tables) == [
        ["elsewhere"], ["few"], ["incomplete"], ["many", "more"],
    ]  # fmt: skip


def test_a_fold_without_a_figure_leaves_no_mean(tables) -> None:
    [table], texts = tables({"repeat": [measured(i, "repeat", fid=None if i == 2 else 50.0) for i in FOLDS]})
    assert table.rows[0].aggregates["fid"] is None
    assert "50.00" not in texts["table"]


CLOSER, MEANS = "closer to the shots than held-out images", ": memorised, or narrow"


@pytest.mark.parametrize(
    ("p_values", "said"),
    [
        ([0.001, 0.2, 0.04, 0.5, 0.05], f"{CLOSER} in 3 of 5 folds{MEANS}"),
        ([0.001, "chosen", "chosen", "chosen", "chosen"], f"{CLOSER}{MEANS}"),
        ([0.06, 0.2, 0.3, 0.5, 1.0], "not found at this power"),
        (["chosen"] * 5, "not testable"),
        ([None] * 5, "-"),
    ],
)
def test_copying_is_told_by_folds(tables, p_values: list[Any], said: str) -> None:
    _, texts = tables({"repeat": [measured(i, "repeat", p=p) for i, p in enumerate(p_values)]})
    [line] = [line for line in texts["table"].splitlines() if line.startswith("repeat ") and "too few" in line]
    assert line.endswith(f"  {said}")


def test_without_fidelity_nothing_is_said_of_it(make_record) -> None:
    board = leaderboard([make_record(fold) for fold in FOLDS])
    assert board.sections[0].fidelity == ()
    assert all("idelity" not in render(board, name).replace('"fidelity": []', "") for name in (*TEXTS, "json"))
