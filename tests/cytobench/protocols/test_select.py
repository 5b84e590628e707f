"""Shots that are chosen: from the training part alone, nested, recorded, and never ranked beside others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cytobench.analysis.leaderboard import leaderboard
from cytobench.api import RunResult, plan
from cytobench.cli.split import split_command
from cytobench.data.choice import Choice, best_first
from cytobench.data.dataset import Dataset
from cytobench.errors import UserError
from cytobench.pipeline.generate import generate_images
from cytobench.protocols import PROTOCOLS, draw_shots, refuse_unlisted, split, split_table
from cytobench.reporting.leaderboard import render
from cytobench.storage.records import read_record, read_records
from cytobench.storage.store import Store

Small = Callable[..., RunResult]


@st.composite
def measured(draw: st.DrawFn) -> Dataset:
    """Two or three classes with copies and groups, their measures as if they had been taken (few values, so ties)."""
    rows = []
    for label in "ABC"[: draw(st.integers(2, 3))]:
        for i in range(draw(st.integers(3, 25))):
            digest = draw(st.sampled_from([f"{label}{i}", f"{label}{i}", f"{label}copy"]))
            group = draw(st.sampled_from([None, "p0", "p1", "p2", "p3", "p4"]))
            known = ([np.nan, 1.0, 2.0], [0.0, 0.1, 0.9], [0.01, 0.02, 0.03])
            values = [draw(st.sampled_from(some)) for some in known]
            rows.append((f"{label}/{i:02}", label, digest, group, *values, 0.0))
    columns = ["path", "label", "digest", "group", "quality", "white", "cell_sharpness", "black"]
    table = pd.DataFrame(rows, columns=columns).astype({"group": "string"})
    return Dataset("drawn", Path("nowhere"), table, tuple(sorted(set(table["label"]))))


def choices(data: Dataset, seed: int) -> list[Choice]:
    """First, sharpest, and a list of half of the images in some order."""
    listed = tuple(np.random.default_rng(seed).permutation(len(data))[: len(data) // 2].tolist())
    return [
        Choice("first", "first", lambda images: images.sort_index()),
        Choice("sharpest", "sharpest", best_first),
        Choice("file", "listed:", lambda images: images.loc[[i for i in listed if i in images.index]], listed),
    ]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=measured(), seed=st.integers(0, 3), counts=st.tuples(st.integers(1, 6), st.integers(0, 6)), draw=st.data())
def test_chosen_shots_come_from_the_pool_alone_are_different_and_nested(
    data: Dataset, seed: int, counts: tuple[int, int], draw: st.DataObject
) -> None:
    few, more = counts
    protocol = PROTOCOLS[draw.draw(st.sampled_from(sorted(PROTOCOLS)))]
    try:
        fold = draw.draw(st.sampled_from(split(data, protocol, 3, seed)))
    except UserError:
        assume(False)
    choice = draw.draw(st.sampled_from(choices(data, seed)))
    everything = np.arange(len(data))
    pool = fold.training_part if protocol.shots_from == "train" else everything
    changed = data.table.copy()
    changed.loc[np.setdiff1d(everything, pool), ["cell_sharpness", "quality", "white"]] = 0.95
    copies = "digest" if protocol.keep_together else "path"
    for label in data.labels:
        small = draw_shots(data, protocol, fold, label, few, seed, choice)
        large = draw_shots(data, protocol, fold, label, few + more, seed, choice)
        assert list(large[: len(small)]) == list(small)
        assert set(large) <= set(pool) and set(data.table["label"].iloc[large]) <= {label}
        assert data.table[copies].iloc[large].is_unique
        usable = set(pool) & set(everything if choice.listed is None else choice.listed)
        there = data.table.iloc[sorted(usable)].query("label == @label")
        assert len(large) == min(few + more, there[copies].nunique())
        again = draw_shots(replace(data, table=changed), protocol, fold, label, few + more, seed, choice)
        assert list(again) == list(large), "an image that is held out decides nothing"


def record(out: Path, name: str) -> Any:
    return read_record(out / "records" / f"{name}.json")


def test_a_run_with_a_list_uses_it_where_it_may_and_says_so(small: Small, cells: Path, tmp_path: Path) -> None:
    listed = tmp_path / "best.txt"
    listed.write_text("".join(f"{label}/{i:02}.png\n" for label in "CBA" for i in range(10, -1, -1)))
    values = {"dataset": str(cells), "generator": ["repeat"], "classifier": ["random"], "preset": "pocket"}
    found = plan(**values, synthetic=[0, 3], shots=[9], folds=3, device="cpu", select=str(listed), out=tmp_path / "out")
    assert "best.txt lists 33 images; outside the training part, so not used there: " in found.shots_note
    result = small(select=str(listed), shots=[9])
    used = [record(tmp_path / "out", f"repeat__random__s9__n3__fold{fold}").shots_used for fold in range(3)]
    assert {tuple(counts) for counts in used} == {("A", "B", "C")}
    assert {n for counts in used for n in counts.values()} == {3, 4}, "of 11 listed, about a third may be shots"
    (section,) = result.leaderboard.sections
    assert section.shots_chosen.startswith("listed:") and section.shots_chosen in section.title
    assert any("3-4 of 9" in row.shortfall for row in section.rows)
    chosen = {record(tmp_path / "out", f"none__random__s0__n0__fold{fold}").shots_chosen for fold in range(3)}
    assert chosen == {section.shots_chosen}


def test_rows_of_another_choice_are_in_another_section(small: Small, tmp_path: Path) -> None:
    outs = []
    for select in ("random", "first", "sharpest"):
        outs.append(tmp_path / select)
        small(select=select, out=outs[-1])
    board = leaderboard(read_records(outs))
    assert sorted(section.shots_chosen for section in board.sections) == ["first", "random", "sharpest"]
    for section in board.sections:
        said = [note for note in section.notes if "not drawn at random" in note]
        assert len(said) == (section.shots_chosen != "random")
    for format_ in ("table", "markdown", "html", "latex"):
        assert render(board, format_).count("not drawn at random") == 2
    assert ",sharpest" in render(board, "csv") and '"shots_chosen": "first"' in render(board, "json")


def test_a_results_folder_keeps_to_one_choice(small: Small, tmp_path: Path) -> None:
    listed = tmp_path / "best.txt"
    every = "".join(f"{label}/{i:02}.png\n" for label in "ABC" for i in range(12))
    listed.write_text(every)
    small(select=str(listed))
    assert len(small(select=str(listed)).outcome.reused) == 6
    with pytest.raises(UserError, match="select differ"):
        small()
    listed.write_text(every.replace("A/00.png\n", ""))
    with pytest.raises(UserError, match=r"the list .*best\.txt has changed"):
        small(select=str(listed))


def test_without_the_option_nothing_is_done_again(small: Small, tmp_path: Path) -> None:
    small()
    assert record(tmp_path / "out", "repeat__random__s2__n3__fold0").shots_chosen == "random"
    file = tmp_path / "out" / "benchmark.toml"
    older = "".join(line for line in file.read_text().splitlines(keepends=True) if not line.startswith("select"))
    assert older != file.read_text()
    file.write_text(older)
    again = small(select="random").outcome
    assert len(again.reused) == 6 and not again.done


def test_shots_that_stay_the_same_are_fitted_once(small: Small, tmp_path: Path) -> None:
    """The choice is in no key: what counts is which images were chosen."""
    listed = tmp_path / "all.txt"
    listed.write_text("".join(f"{label}/{i:02}.png\n" for label in "ABC" for i in range(12)))
    store = tmp_path / "store"
    small(select="first", out=tmp_path / "a", store=store)
    before = {one.name for one in (Store(store).root / "fit").glob("*/*")}
    small(select=str(listed), out=tmp_path / "b", store=store)
    assert {one.name for one in (Store(store).root / "fit").glob("*/*")} == before


def test_a_class_without_a_listed_image_in_some_fold_is_named_with_the_way_out(small: Small, tmp_path: Path) -> None:
    listed = tmp_path / "few.txt"
    listed.write_text("".join(f"{label}/{i:02}.png\n" for label in "AC" for i in range(12)) + "B/03.png\n")
    with pytest.raises(UserError) as refused:
        small(select=str(listed))
    message = str(refused.value)
    assert "no image of class B in the training part of fold " in message and "select='sharpest'" in message
    assert not (tmp_path / "out").exists()


def test_generate_takes_the_choice(cells: Path, tmp_path: Path) -> None:
    listed = tmp_path / "best.txt"
    listed.write_text("B/07.png\n")
    made = tmp_path / "made"
    generated = generate_images("repeat", str(cells), "B", 4, 2, made, select=str(listed), device="cpu")
    folder, used = generated.folder, generated.shots
    assert used == 1 and len(list(folder.iterdir())) == 2
    with pytest.raises(UserError, match=r"no image of class A\. "):
        generate_images("repeat", str(cells), "A", 4, 2, tmp_path / "made", select=str(listed), device="cpu")


def test_the_sharpest_of_images_that_are_not_there_are_not_looked_for(tmp_path: Path) -> None:
    (tmp_path / "AML-Cytomorphology_LMU").mkdir()
    lines = [f"{code}/{code}_{i:04}.tiff {code} nan nan\n" for code in ("BAS", "EOS") for i in range(9)]
    (tmp_path / "annotations.dat").write_text("".join(lines))
    options = ("--protocol", "cytodiff", "--folds", "3", "--shots", "2", "--out", str(tmp_path / "s.csv"))
    arguments = [str(tmp_path), *options]
    ended = CliRunner().invoke(split_command, [*arguments, "--select", "sharpest"])
    assert isinstance(ended.exception, UserError) and "it looks at the images, and 18 of " in str(ended.exception)
    assert CliRunner().invoke(split_command, [*arguments, "--select", "first"]).exit_code == 0
    table = pd.read_csv(tmp_path / "s.csv")
    assert [Path(path).stem for path in table["path"][table["shot0"] == 1]] == [
        *("BAS_0000", "BAS_0001", "EOS_0000", "EOS_0001")
    ]


def test_the_table_of_a_division_marks_the_chosen(cells: Path) -> None:
    data = Dataset(
        "cells",
        cells,
        pd.DataFrame(
            [(f"{label}/{i}", label, f"{label}{i}", None, np.nan) for label in "AB" for i in range(9)],
            columns=["path", "label", "digest", "group", "quality"],
        ),
        ("A", "B"),
    )
    first, _, listed = choices(data, 0)
    table = split_table(data, PROTOCOLS["strict"], 3, 42, shots=2, choice=first)
    for fold in range(3):
        trained = table[table[f"fold{fold}"] == "train"]
        assert list(trained.index[trained[f"shot{fold}"] == 1]) == list(trained.groupby("label").head(2).index)
    nothing = replace(listed, listed=(0,))
    with pytest.raises(UserError, match="no image of class B"):
        refuse_unlisted(data, PROTOCOLS["strict"], nothing, None, ["A", "B"])
