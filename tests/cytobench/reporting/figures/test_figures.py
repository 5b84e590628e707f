"""Figures say in their texts and alt texts what the leaderboard says, whatever the results look like."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cytobench.analysis.leaderboard import leaderboard
from cytobench.errors import CytobenchError, UserError
from cytobench.reporting.figures import Drawing, drawings, missing_glyphs, png, style, svg
from cytobench.reporting.leaderboard import render
from cytobench.reporting.outcomes import gain_text
from cytobench.storage.records import read_records

Write = Callable[..., Path]

COUNTS = [100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 2000, 3000, 4000, 5000]


def one(folder: Path, name: str) -> Drawing:
    (found,) = drawings([folder], [name])
    return found


def texts(drawing: Drawing) -> list[str]:
    """The texts of the SVG, without title and description."""
    root = ET.fromstring(svg(drawing))
    return ["".join(element.itertext()).strip() for element in root.iter("{http://www.w3.org/2000/svg}text")]


def figure_of(folder: Path, row: str, metric: str) -> tuple[float, float]:
    """Mean and SD of a row on test, from the leaderboard's JSON."""
    rows = json.loads(render(leaderboard(read_records([folder])), "json"))
    found = next(line for line in _lines(rows) if line.get("row") == row)
    figure = found["figures"]["test"][metric] if "figures" in found else found["scores"]["test"][metric]
    return figure["mean"], figure["std"]


def _lines(values: Any) -> list[dict[str, Any]]:
    if isinstance(values, dict):
        inner = [line for value in values.values() for line in _lines(value)]
        return [values, *inner]
    return [line for value in values for line in _lines(value)] if isinstance(values, list) else []


@pytest.fixture
def pair(write: Write) -> Path:
    write(0, 0.5)
    return write(20, 0.8)


def test_the_alt_text_of_a_curve_has_the_figures_of_the_leaderboard(pair: Path) -> None:
    drawing = one(pair, "curve-clip-f1_macro")
    for row, n in (("none/clip/s0/n0", "N = 0"), ("sd21-lora/clip/s16/n20", "N = 20")):
        mean, std = figure_of(pair, row, "f1_macro")
        assert f"{mean:.3f}±{std:.3f}" in drawing.alt
        assert n in drawing.alt


def test_the_alt_text_of_a_curve_has_the_gain_with_its_interval_as_compare_says_it(pair: Path) -> None:
    from cytobench.analysis.comparison.candidates import find_pair
    from cytobench.analysis.comparison.pair import compare
    from cytobench.analysis.results import read_candidates

    sections = read_candidates([pair])
    found = compare(*find_pair(sections, "sd21-lora/clip/s16/n20", "none/clip/s0/n0"), sections[0])
    assert found.cost is not None
    gain = found.cost.gain
    said = f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
    assert f"({said}: {gain_text(found.cost)})" in one(pair, "curve-clip-f1_macro").alt
    assert said in one(pair, "cost-gain-clip").alt


def test_a_curve_names_its_generator_and_every_n_as_text(pair: Path) -> None:
    found = texts(one(pair, "curve-clip-accuracy"))
    assert {"sd21-lora, 16 shots", "0", "20", "accuracy"} <= set(found)


@pytest.mark.parametrize("counts", [[], COUNTS])
def test_curves_of_one_and_of_fifteen_numbers_of_images(write: Write, counts: list[int]) -> None:
    folder = write(0, 0.5)
    for i, n in enumerate(counts):
        write(n, 0.5 + 0.02 * i, folds=[0, 1])
    drawing = one(folder, "curve-clip-f1_macro")
    found = texts(drawing)
    assert "0" in found
    if counts:
        assert "5,000" in found and "at N = 5,000" in drawing.alt and "more N between" in drawing.alt
    else:
        assert not any("gain over" in text for text in found)


def test_a_published_curve_that_is_not_comparable_stands_apart_with_the_reasons(pair: Path) -> None:
    drawing = one(pair, "curve-clip-f1_macro")
    assert any("NOT comparable" in text for text in texts(drawing))
    assert len(drawing.figure.axes) == 3
    assert "protocol strict" in drawing.caption and "preset pocket" in drawing.caption
    assert "not comparable" in drawing.alt


def test_a_comparable_published_curve_is_drawn_behind_ours(study: Path) -> None:
    drawing = one(study, "curve-clip-f1_macro")
    found = texts(drawing)
    assert "published, Table S3 (comparable)" in found
    assert not any("NOT comparable" in text for text in found)
    assert "5,000" in found
    assert len(drawing.figure.axes) == 2
    assert "0.23 at N = 0, 0.77 at N = 5,000; comparable" in drawing.alt
    assert "0.300±0.000 at N = 100" in drawing.alt and "0.440±0.000 at N = 100" in drawing.alt
    low, high = drawing.figure.axes[1].get_ylim()
    assert low <= 0.21 and high >= 0.78  # all of the published curve, with its bars
    assert "no gain can be paired" in drawing.caption


@pytest.mark.parametrize("number", [2, 15, 100])
def test_a_matrix_shows_every_class_and_its_counts_while_there_is_room(write: Write, number: int) -> None:
    labels = [f"class {i:02d}" for i in range(number)]
    folder = write(0, 0.7, labels=labels, sizes=[3] * number)
    drawing = one(folder, "confusion-clip-none-s0-n0")
    found = texts(drawing)
    assert set(labels) <= set(found)
    from cytobench.analysis.confusion import recorded_matrix

    matrix, _ = recorded_matrix([folder], "none/clip/s0/n0")
    assert matrix.summary in drawing.alt
    if number <= 15:
        assert str(matrix.counts[0, 0]) in found
        assert f"{100 * matrix.shares[0, 0]:.0f} %" in found
    else:
        assert "without numbers" in drawing.caption


def test_text_is_nowhere_smaller_than_seven_points_and_leaves_no_page(write: Write) -> None:
    long = [f"A class whose name is as long as sixty characters, number {i:02d}" for i in range(15)]
    write(0, 0.5, labels=long, sizes=[30] * 15, folds=[0, 1])
    folder = write(20, 0.7, labels=long, sizes=[30] * 15, folds=[0, 1], generator="a-generator:whose-name-is-long")
    from matplotlib.text import Text

    for drawing in drawings([folder]):
        svg(drawing)
        width, height = drawing.figure.get_size_inches()
        assert width <= 180 / 25.4 + 1e-9, drawing.name
        assert min(text.get_fontsize() for text in drawing.figure.findobj(Text) if text.get_text()) >= 7, drawing.name
        drawn = drawing.figure.get_tightbbox()
        assert drawn.x0 > -0.03 and drawn.y0 > -0.03, drawing.name
        assert drawn.x1 < width + 0.03 and drawn.y1 < height + 0.03, drawing.name


def test_long_labels_are_shortened_apart_and_whole_in_the_alt_text(write: Write) -> None:
    long = [f"A class whose name is as long as sixty characters, number {i:02d}" for i in range(3)]
    drawing = one(write(0, 0.6, labels=long), "confusion-clip-none-s0-n0")
    assert all(name in drawing.alt for name in long)
    found = [text for text in texts(drawing) if "\N{HORIZONTAL ELLIPSIS}" in text]
    assert len(set(found)) == 3 and max(map(len, found)) <= 26


def test_chinese_labels_stay_text_in_the_svg_and_are_numbered_where_no_font_has_them(
    write: Write, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr("cytobench.reporting.figures.output.fonts", lambda: ("DejaVu Sans",))
    labels = ["嗜碱性粒细胞", "嗜酸性粒细胞", "λεμφοκύτταρο"]
    drawing = one(write(0, 0.6, labels=labels), "classes-clip")
    before = svg(drawing)
    assert set(missing_glyphs(drawing)) == set("嗜碱性粒细胞酸")
    assert png(drawing, dpi=40)
    assert svg(drawing) == before
    found = texts(drawing)
    assert all(any(text.startswith(label) for text in found) for label in labels)
    assert all(label in drawing.alt for label in labels[:1]) or labels[1] in drawing.alt
    assert not [one for one in recwarn if "Glyph" in str(one.message)]


def test_a_greek_label_needs_no_number(write: Write) -> None:
    assert missing_glyphs(one(write(0, 0.6, labels=["λεμφοκύτταρο", "βασεόφιλο"]), "classes-clip")) == ""


def test_labels_with_markup_are_text(write: Write) -> None:
    labels = ['<b>"x"</b> & id="axes_1"', "$\\frac{1}{2}$ url(#a)"]
    found = texts(one(write(0, 0.6, labels=labels), "confusion-clip-none-s0-n0"))
    assert set(labels) <= set(found)


def test_the_same_results_give_the_same_bytes(pair: Path) -> None:
    a, b = (one(pair, "curve-clip-f1_macro") for _ in range(2))
    assert png(a, dpi=30) == png(b, dpi=30)
    assert svg(a) == svg(b)


def test_colours_stand_out_on_white_and_look_different_in_greyscale_too() -> None:
    def luminance(colour: str) -> float:
        """Relative luminance of WCAG 2.1."""
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert all(1.05 / (luminance(colour) + 0.05) >= 3 for colour in style.COLOURS)
    assert all(1.05 / (luminance(colour) + 0.05) >= 4.5 for colour in (style.TEXT, style.FAINT))
    looks = [(look["marker"], str(look["linestyle"])) for look in map(style.series, range(12))]
    assert len(set(looks)) == 12


def test_several_svgs_can_stand_in_one_page(pair: Path) -> None:
    names = ["curve-clip-f1_macro", "curve-clip-accuracy", "cost-stages"]
    roots = [ET.fromstring(svg(drawing)) for drawing in drawings([pair], names)]
    ids = [element.get("id") for root in roots for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for root in roots:
        own = {element.get("id") for element in root.iter()}
        whole = ET.tostring(root, encoding="unicode")
        used = set(re.findall(r"url\(#([^)]+)\)", whole)) | set(re.findall(r'href="#([^"]+)"', whole))
        assert used and used <= own
        assert all((style.text or "").startswith("[id=") for style in root.iter("{http://www.w3.org/2000/svg}style"))
        assert "dc:date" not in whole and "<script" not in whole


def test_no_setting_of_the_process_changes_and_none_is_used(pair: Path) -> None:
    import matplotlib

    usual = svg(one(pair, "cost-stages"))
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.facecolor": "red"}):
        before = dict(matplotlib.rcParams)
        assert svg(one(pair, "cost-stages")) == usual
        assert dict(matplotlib.rcParams) == before


def test_f1_by_class_has_the_images_and_the_interval_of_the_statistics(pair: Path) -> None:
    from cytobench.analysis.comparison.candidates import find_pair
    from cytobench.analysis.comparison.pair import compare
    from cytobench.analysis.results import read_candidates

    sections = read_candidates([pair])
    found = compare(*find_pair(sections, "sd21-lora/clip/s16/n20", "none/clip/s0/n0"), sections[0])
    best = max((score for score, _ in found.classes), key=lambda score: score.f1.value or 0)
    drawing = one(pair, "classes-clip")
    said = f"{best.label} {best.f1.value:.2f} [{best.f1.low:.2f}, {best.f1.high:.2f}] of {best.images} images"
    assert said in drawing.alt
    assert any(f"(n = {best.images})" in text for text in texts(drawing))


def test_the_time_of_a_row_is_that_of_the_leaderboard(pair: Path) -> None:
    from cytobench.reporting.words import duration

    (section,) = leaderboard(read_records([pair])).sections
    drawing = one(pair, "cost-stages")
    for row in section.rows:
        assert row.seconds is not None
        assert f"{row.row} {duration(row.seconds)}" in drawing.alt
        assert duration(row.seconds) in texts(drawing)


def test_where_the_interval_holds_zero_no_gain_is_shown(write: Write) -> None:
    write(0, 0.6)
    drawing = one(write(20, 0.6), "cost-gain-clip")
    assert any("no difference shown" in text for text in texts(drawing))
    assert "no difference shown" in drawing.alt


def test_only_takes_tags_in_any_case_and_names(pair: Path) -> None:
    tagged = [drawing.name for drawing in drawings([pair], ["s4"])]
    assert tagged == ["confusion-clip-none-s0-n0", "published-s4-beside-clip"]
    assert [drawing.name for drawing in drawings([pair], ["cost-stages", "S4"])] == [*tagged, "cost-stages"]


def test_an_unknown_name_gets_near_ones_and_a_tag_what_it_needs(pair: Path) -> None:
    with pytest.raises(UserError, match="Did you mean curve-clip-f1_macro"):
        list(drawings([pair], ["curve-clp-f1_macro"]))
    with pytest.raises(UserError, match="run with extractor"):
        list(drawings([pair], ["S8"]))
    with pytest.raises(UserError, match="store"):
        list(drawings([pair], ["S1"]))


def test_folders_without_records_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no records"):
        list(drawings([tmp_path]))
    with pytest.raises(UserError, match="is no folder"):
        list(drawings([tmp_path / "none"]))


def test_where_all_trials_failed_there_is_nothing_to_draw(write: Write) -> None:
    with pytest.raises(CytobenchError, match="out of memory") as raised:
        list(drawings([write(0, None)]))
    assert raised.value.exit_code == 1


def test_failed_and_incomplete_rows_are_told_and_in_no_sum(write: Write) -> None:
    write(0, 0.6)
    write(20, 0.8, folds=[0, 1, 3])
    folder = write(50, None)
    said: list[str] = []
    found = {drawing.name: drawing for drawing in drawings([folder], say=said.append)}
    assert any("n50 is in no figure" in message and "out of memory" in message for message in said)
    assert any("n20 is incomplete" in message for message in said)
    assert any("no gallery" in message for message in said)
    assert "confusion-clip-none-s0-n0" in found
    assert not any(name.startswith("confusion-clip-sd21-lora") for name in found)
    assert "folds 2, 4 missing" in found["curve-clip-f1_macro"].caption


def test_missing_predictions_leave_out_what_needs_them_and_nothing_else(pair: Path) -> None:
    for file in (pair / "predictions").glob("none*"):
        file.unlink()
    said: list[str] = []
    names = [drawing.name for drawing in drawings([pair], say=said.append)]
    assert "curve-clip-f1_macro" in names and "confusion-clip-sd21-lora-s16-n20" in names
    assert "confusion-clip-none-s0-n0" not in names
    assert any(message.startswith("confusion-clip-none-s0-n0 is left out: predictions") for message in said)


def test_sections_get_names_of_their_own(write: Write) -> None:
    write(0, 0.6, folder="all/one")
    folder = write(0, 0.6, folder="all/two", preset="paper").parent
    names = [drawing.name for drawing in drawings([folder])]
    assert len(names) == len(set(names))
    assert {"curve-clip-f1_macro-section1", "curve-clip-f1_macro-section2"} <= set(names)


def test_names_that_differ_by_case_alone_are_numbered(write: Write) -> None:
    write(0, 0.6, classifier="clip")
    names = [
        drawing.name for drawing in drawings([write(0, 0.6, classifier="CLIP")], ["cost-stages", "curve-clip-accuracy"])
    ]
    assert len(names) == len({name.lower() for name in names})


def test_every_drawing_says_what_was_run_on_what(pair: Path) -> None:
    for drawing in drawings([pair]):
        assert re.fullmatch(r"[A-Za-z0-9._-]+", drawing.name)
        assert re.search(r"\d", drawing.alt), drawing.name
        if not drawing.name.startswith("published"):
            for part in ("cells", "protocol strict v1", "preset pocket", "50 images of 3 classes", "seed 42"):
                assert part in drawing.caption, (drawing.name, part)
