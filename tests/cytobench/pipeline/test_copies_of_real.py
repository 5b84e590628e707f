"""Synthetic images that equal or nearly equal a real one: found in every image set, marked, and never shown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cytobench.analysis.leaderboard import leaderboard
from cytobench.api import RunResult, plan, run
from cytobench.cli import main
from cytobench.errors import UserError
from cytobench.exchange.exported import export_images
from cytobench.reporting.leaderboard import FORMATS, render
from cytobench.reporting.page.build import Options, make_report
from cytobench.reporting.page.pictures import make_packs
from cytobench.storage.records import Record, read_records
from cytobench.storage.records.files import _digest as content_digest

from ..distributions import Site
from ..noise import noise

PLUGIN = '''
import os
from pathlib import Path

import numpy as np

from cytobench.contract import CONTRACT, GeneratorSpec, Ran, hookimpl
from cytobench.decode import decode_image
from cytobench_controls.repeat import Repeat, RepeatSampler


@hookimpl
def cytobench_generators():
    names = {"thief": "Thief", "slip": "Slip"}
    return [
        GeneratorSpec(
            name=name, summary="of a test", contract=CONTRACT, revision=1, factory=f"{__name__}:{factory}",
            fit_config="cytobench.contract:PluginConfig", sample_config="cytobench.contract:SampleConfig",
            scope="class",
        )
        for name, factory in names.items()
    ]


class Thief(Repeat):
    """Gives back its shots, each with one value changed."""

    def open(self, artefacts, ctx):
        return ThiefSampler(super().open(artefacts, ctx)._shots)


class ThiefSampler(RepeatSampler):
    ran = Ran("none", "its own", None)

    def sample(self, todo):
        for request, image in super().sample(todo):
            changed = image.copy()
            changed[0, 0, 0] ^= 128
            yield request, changed


class Slip(Repeat):
    """Makes images of its own, but for one in each class that is a real one of another part and class."""

    def open(self, artefacts, ctx):
        return SlipSampler(super().open(artefacts, ctx)._shots)


class SlipSampler(RepeatSampler):
    ran = Ran("none", "its own", None)

    def sample(self, todo):
        for request in todo:
            if request.index == int(os.environ["SLIP_AT"]):
                yield request, decode_image(Path(os.environ["SLIP"]))
            else:
                yield request, np.random.default_rng(request.seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
'''

Values = dict[str, Any]


@pytest.fixture
def values(cells: Path, site: Site, tmp_path: Path) -> Values:
    """A run of the two plugins on the noise cells: N = 6 in blocks of 8, one fold."""
    site.install("cytobench-thief", PLUGIN)
    return {
        "dataset": str(cells),
        "preset": "pocket",
        "generator": ["thief"],
        "classifier": ["random"],
        "synthetic": [0, 6],
        "shots": [3],
        "folds": 3,
        "fold": [0],
        "device": "cpu",
        "out": tmp_path / "out",
    }


def copied(out: Path, generator: str) -> Record:
    [record] = [each for each in read_records([out]) if each.generator and each.generator.name == generator]
    return record


def row_of(result: RunResult, generator: str) -> Any:
    [section] = result.leaderboard.sections
    [row] = [row for row in section.rows if row.generator == generator]
    return row


def test_shots_with_one_value_changed_are_all_named_the_surplus_of_a_block_too(values: Values) -> None:
    result = run(**values)
    copies = copied(values["out"], "thief").copies
    assert copies is not None and copies.n_real == 36
    for label, found in copies.classes.items():
        assert (found.n_images, found.equal, found.near, found.images) == (8, 0, 8, [(0, 7)])
        assert all(pair.real.startswith(f"{label}/") and pair.difference < 0.2 for pair in found.nearest)
    row = row_of(result, "thief")
    assert row.rank is None and row.complete and row_of(result, "none").rank == 1
    assert (row.copies.found, row.copies.n_images) == (24, 24)


def test_every_format_marks_the_row(values: Values) -> None:
    board = run(**values).leaderboard
    for name in ("table", "markdown", "latex", "html"):
        text = " ".join(render(board, name).split())
        assert "COPIES OF REAL IMAGES, not ranked: 24 of 24 images equal or nearly equal a real one" in text, name
    [section] = json.loads(FORMATS["json"](board))["sections"]
    [line] = [each for each in section["rows"] if each["generator"] == "thief"]
    assert line["rank"] is None
    assert line["copies"] == {"n_images": 24, "equal": 0, "found": 24, "unchecked": 0, "by_design": False}
    lines = csv.DictReader(io.StringIO(FORMATS["csv"](board)))
    assert {each["copies"] for each in lines if each["generator"] == "thief"} == {"24"}


def test_none_of_them_is_shown_packed_or_exported(values: Values, tmp_path: Path) -> None:
    run(**values)
    out = values["out"]
    page = make_report([out], tmp_path / "page.html", Options(single_file=True)).read_text()
    assert "hold no image of these rows that may be shown" in page and "data:image/webp" not in page
    assert "Synthetic A" not in page and "copies of real images, not ranked" in page
    assert make_packs([out], None) == {}
    with pytest.raises(UserError, match=r"all images of thief equal or nearly equal a real one.*with_real_images"):
        export_images(out, "thief", tmp_path / "made")
    assert not (tmp_path / "made").exists()
    export_images(out, "thief", tmp_path / "made", with_real_images=True)
    card = (tmp_path / "made" / "README.md").read_text()
    assert "These images are, or may be, real ones: some of them equal or nearly equal a real one." in card
    assert "These images are synthetic" not in card and "- synthetic" not in card


@pytest.mark.parametrize(("at", "scored"), [(2, True), (7, False)])
def test_one_copy_of_an_image_that_was_no_shot_is_found_and_left_out(
    values: Values, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, scored: bool
) -> None:
    monkeypatch.setenv("SLIP", str(cells / "C" / "11.png"))
    monkeypatch.setenv("SLIP_AT", str(at))
    result = run(**{**values, "generator": ["slip"]})
    out = values["out"]
    copies = copied(out, "slip").copies
    assert copies is not None
    for found in copies.classes.values():
        assert (found.equal, found.near, found.images) == (1, 0, [(at, at)])
        assert [(pair.image, pair.real, pair.difference) for pair in found.nearest] == [(at, "C/11.png", 0.0)]
    assert row_of(result, "slip").rank is None
    made = export_images(out, "slip", tmp_path / "made")
    assert made.left_out == (tuple(f"{label}/2.png" for label in "ABC") if scored else ())
    assert made.images == (15 if scored else 18)
    names = {file.name for file in (tmp_path / "made" / "A").iterdir()}
    assert names == {f"{i}.png" for i in range(6) if i != at}
    card = (tmp_path / "made" / "README.md").read_text()
    assert "3 equal or nearly equal one, 3 in every pixel; they are left out" in card
    with pytest.raises(UserError, match=r"artefacts.*gave images that equal or nearly equal real ones"):
        export_images(out, "slip", tmp_path / "more", artefacts=tmp_path / "fits")
    assert make_packs([out], None)
    index = json.loads((out / "thumbnails" / "index.json").read_text())
    assert all(at not in each["indices"] for each in index["sheets"][0]["sets"])
    page = make_report([out], tmp_path / "page.html", Options(single_file=True)).read_text()
    assert f"Synthetic A, image {at} of" not in page and "Synthetic A, image 0 of" in page


def test_the_outside_test_set_is_compared_with_too(
    values: Values, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(6):
        noise(tmp_path / "outside" / "AB"[i % 2] / f"{i}.png", 900 + i)
    monkeypatch.setenv("SLIP", str(tmp_path / "outside" / "B" / "3.png"))
    monkeypatch.setenv("SLIP_AT", "0")
    run(**{**values, "generator": ["slip"], "external_test": str(tmp_path / "outside")})
    copies = copied(values["out"], "slip").copies
    assert copies is not None and (copies.n_real, copies.n_external, copies.found) == (42, 6, 3)
    assert copies.classes["A"].nearest[0].real == "B/3.png"


def test_a_control_is_ranked_and_its_images_are_not_called_synthetic(
    small: Callable[..., RunResult], tmp_path: Path
) -> None:
    result = small(fold=[0])
    row = row_of(result, "repeat")
    assert row.rank and not row.copied and row.copies.found == row.copies.equal == row.copies.n_images
    assert "copies of real images, being a control" in " ".join(render(result.leaderboard, "table").split())
    options = Options(single_file=True, with_real_images=True)
    page = make_report([tmp_path / "out"], tmp_path / "page.html", options).read_text()
    assert "Copy of a real image, not synthetic: A, image 0 of repeat (copies of the shots)" in page
    assert "Synthetic A" not in page


def test_it_is_made_once_and_a_larger_n_compares_what_is_new(values: Values) -> None:
    run(**values)
    assert {item.kind: item.todo for item in plan(**values).items if item.kind == "copies"} == {}
    more = plan(**{**values, "synthetic": [0, 6, 20]})
    [item] = [item for item in more.items if item.kind == "copies"]
    assert (item.todo, item.there, item.images) == (6, 3, 48)
    record = copied(values["out"], "thief")
    assert {stage.label for stage in record.stages if stage.kind == "copies"} == {"A", "B", "C"}


def test_thumbnails_that_are_damaged_are_made_again(values: Values, cells: Path) -> None:
    cache = cells.parent / "cache" / "thumbnails"
    run(**values)
    [file] = cache.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] + bytes(9))
    run(**{**values, "out": cells.parent / "again"})
    assert copied(cells.parent / "again", "thief").copies == copied(values["out"], "thief").copies
    assert file.read_bytes() == whole


def unchecked(out: Path) -> None:
    """Make the records what they were before images were compared."""
    for file in (out / "records").glob("thief*.json"):
        record = json.loads(file.read_text())
        del record["digest"], record["copies"]
        file.write_text(json.dumps({**record, "digest": content_digest(record)}))


def test_an_old_record_is_not_checked_and_the_same_command_checks_it_where_its_store_is(values: Values) -> None:
    run(**values)
    out = values["out"]
    unchecked(out)
    [record] = [each for each in read_records([out]) if each.generator]
    assert record.copies is None
    board = leaderboard(read_records([out]))
    [row] = [row for row in board.sections[0].rows if row.generator == "thief"]
    assert row.rank and row.copies is not None and (row.copies.unchecked, row.copies.n_images) == (1, 0)
    text = " ".join(render(board, "table").split())
    assert "Not checked: whether synthetic images of 1 row are copies of real ones" in text
    again = run(**values)
    assert len(again.outcome.done) == 1 and row_of(again, "thief").copied
    unchecked(out)
    for file in (out / "store" / "images").rglob("*.parquet"):
        file.unlink()
    assert run(**values).outcome.done == []  # to make all again would cost more than it tells


@pytest.mark.parametrize("generator", ["thief", "repeat"])
def test_generate_leaves_copies_out_but_those_of_a_control_and_says_so(
    values: Values, tmp_path: Path, capsys: pytest.CaptureFixture[str], generator: str
) -> None:
    line = ["generate", "--generator", generator, "--dataset", values["dataset"], "--label", "A", "--shots", "2"]
    line += ["-n", "3", "--preset", "pocket", "--out", str(tmp_path / "made")]
    if generator == "thief":
        with pytest.raises(SystemExit) as ended:
            main(line)
        said = capsys.readouterr().err
        assert ended.value.code == 2 and "all 3 images equal or nearly equal an image" in said
        assert "--with-real-images" in said and not (tmp_path / "made").exists()
        line.append("--with-real-images")
    with pytest.raises(SystemExit) as ended:
        main(line)
    said = capsys.readouterr().err
    assert not ended.value.code and "3 of 3 images are copies of real ones: written all the same" in said
    assert "image 0 equals or nearly equals A/" in said and len(list((tmp_path / "made" / "A").iterdir())) == 3
