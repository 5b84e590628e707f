"""``cytobench export-shots``: the shots of a run as files, and back as images made elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cytobench.cli import main
from cytobench.config.benchmark import make_benchmark
from cytobench.config.resolve import resolve
from cytobench.data.prompts import read_prompts
from cytobench.decode import decode_image
from cytobench.errors import CytobenchError
from cytobench.exchange.submitted.shots import export_shots
from cytobench.pipeline.graph import plan_trial
from cytobench.pipeline.plan import make_planner
from cytobench.plugins import load_plugins
from cytobench.reporting.leaderboard import render
from cytobench.storage.records import read_record

from .conftest import FOLDS, Run


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.mark.parametrize(
    ("protocol", "seed", "select"),
    [("strict", 42, "random"), ("strict", 7, "random"), ("cytodiff", 42, "random"), ("strict", 42, "sharpest")],
)
def test_the_shots_are_those_a_run_tunes_on(cells: Path, protocol: str, seed: int, select: str) -> None:
    values = {"dataset": str(cells), "folds": FOLDS, "seed": seed, "protocol": protocol, "select": select}
    manifest = export_shots(4, cells.parent / "shots", **values)
    tuned = {"generator": ["repeat"], "classifier": ["random"], "shots": [4], "synthetic": [2], "preset": "pocket"}
    resolved = resolve(make_benchmark({**values, **tuned, "device": "cpu"}, "test"), load_plugins())
    digests = resolved.dataset.table.set_index("path")["digest"]
    planner = make_planner(resolved, cells.parent)
    samples = [(trial.fold, plan_trial(planner, trial).training.sample) for trial in resolved.trials]
    fits = [(fold, fit.build()) for fold, sample in samples if sample is not None for fit in sample.fits]
    assert len(fits) == FOLDS * 3
    for fold, fit in fits:
        written = manifest[(manifest["fold"] == fold) & (manifest["label"] == fit.label)]
        assert [[fit.label, digests[source]] for source in written["source"]] == fit.inputs["shots"]
    for path, source in zip(manifest["path"], manifest["source"], strict=True):
        assert np.array_equal(decode_image(cells.parent / "shots" / path), decode_image(cells / source))


def test_folds_names_and_prompts_are_in_the_manifest_and_the_prompts_file(cells: Path, capsys) -> None:
    Path("own.toml").write_text('[A]\ngenerator = "a cell, type \\"A\\""\n', encoding="utf-8")
    line = ("export-shots", "cells", "--shots", 2, "--folds", 3, "--prompts", "own.toml", "--out", "deep/shots")
    code, out, err = command(capsys, *line)
    assert (code, err) == (0, "") and "18 shots of 3 classes, 3 folds" in out
    manifest = pd.read_csv("deep/shots/manifest.csv")
    assert list(manifest) == ["path", "label", "fold", "source", "generator_prompt", "classifier_prompt"]
    files = {file.relative_to("deep/shots").as_posix() for file in Path("deep/shots").rglob("*.png")}
    assert files == set(manifest["path"])
    prompts = read_prompts(Path("deep/shots/prompts.toml"))
    assert prompts["A"]["generator"] == 'a cell, type "A"' and set(prompts) == set("ABC")
    for _, row in manifest.iterrows():
        assert row["path"].startswith(f"fold{row['fold']}/{row['label']}/")
        assert row["generator_prompt"] == prompts[row["label"]]["generator"]


def test_a_class_with_fewer_images_gives_what_it_has(cells: Path, capsys) -> None:
    manifest = export_shots(100, cells.parent / "shots", dataset=str(cells), folds=3)
    assert (manifest.groupby(["fold", "label"]).size() == 4).all()  # a third of twelve is trained on


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cells", "--shots", 0, "--out", "s"], "--shots 0: at least 1"),
        (["cels", "--shots", 2, "--out", "s"], "Did you mean cells?"),
        (["cells", "--shots", 2, "--out", "cells"], "--out cells is not empty"),
        (["cells", "--shots", 2, "--fold", 5, "--out", "s"], "folds are 0 to 4"),
        (["cells", "--shots", 2, "--protocol", "strikt", "--out", "s"], "Did you mean strict?"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(cells: Path, capsys, arguments, said) -> None:
    before = set(cells.rglob("*"))
    code, out, err = command(capsys, "export-shots", *arguments)
    assert (code, out) == (2, "") and said in err
    assert not Path("s").exists() and set(cells.rglob("*")) == before


def test_an_image_that_cannot_be_read_leaves_nothing_behind(cells: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export_shots(4, cells.parent / "first", dataset=str(cells), folds=3)
    # The digests are remembered, so a file of the same size and time is only found broken when it is copied.
    for file in cells.rglob("*.png"):
        stamp = file.stat()
        file.write_bytes(b"x" * stamp.st_size)
        os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    with pytest.raises(CytobenchError):
        export_shots(4, cells.parent / "second", dataset=str(cells), folds=3)
    assert not (cells.parent / "second").exists()
    assert not list(cells.parent.glob(".second.*"))


def make_others(shots: Path, made: Path) -> None:
    """An outside generator: it knows nothing of cytobench and makes as many images as it is shown."""
    for number, file in enumerate(sorted(shots.rglob("*.png"))):
        target = made / file.relative_to(shots)
        target.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(900 + number).integers(0, 255, np.asarray(Image.open(file)).shape, dtype=np.uint8)
        Image.fromarray(noise).save(target)


def flip_all(shots: Path, made: Path) -> None:
    """Another, which mirrors what it is shown."""
    for file in sorted(shots.rglob("*.png")):
        target = made / file.relative_to(shots)
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.open(file).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(target)


def test_shots_go_out_and_come_back_as_a_ranked_row(cells: Path, run_on_cells: Run, capsys) -> None:
    assert command(capsys, "export-shots", "cells", "--shots", 2, "--folds", FOLDS, "--out", "shots")[0] == 0
    make_others(Path("shots"), Path("made"))
    result = run_on_cells(
        generator=["folder"], synthetic=[0, 2], set={"folder": {"path": "made"}}, trained_on="per-fold"
    )
    assert not result.outcome.failed
    (section,) = result.leaderboard.sections
    rows = {row.generator: row for row in section.rows}
    assert rows["folder"].rank and rows["none"].rank and rows["folder"].made_elsewhere == "per-fold"
    shown = render(result.leaderboard, "table")
    assert "each fold has its own, as declared" in shown
    for fold in range(FOLDS):
        record = read_record(Path(f"out/records/folder__random__s0__n2__fold{fold}.json"))
        assert (record.status, record.made_elsewhere) == ("done", "per-fold")
        assert record.copies is not None and record.copies.found == 0


def test_shots_that_come_back_mirrored_are_copies_and_not_ranked(cells: Path, run_on_cells: Run, capsys) -> None:
    assert command(capsys, "export-shots", "cells", "--shots", 2, "--folds", FOLDS, "--out", "shots")[0] == 0
    flip_all(Path("shots"), Path("made"))
    result = run_on_cells(
        generator=["folder"], synthetic=[0, 2], set={"folder": {"path": "made"}}, trained_on="per-fold"
    )
    [row] = [row for row in result.leaderboard.sections[0].rows if row.generator == "folder"]
    assert row.rank is None and row.copied and row.copies is not None
    assert (row.copies.equal, row.copies.found) == (0, row.copies.n_images)
    assert "COPIES OF REAL IMAGES, not ranked" in render(result.leaderboard, "table")
