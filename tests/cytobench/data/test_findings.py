"""What is found in groups, labels and copies; and merged cells of spreadsheets."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cytobench._dataset import Dataset, Finding
from cytobench._text import did_you_mean, look_alike, plain
from cytobench.data.findings import dataset_findings, grouping, like_labels
from cytobench.data.merged_cells import filled_down, looks_merged


def data(labels: list[str], groups: list[str | None] | None = None, digests: str = "") -> Dataset:
    rows = {
        "path": [f"{number}.png" for number in range(len(labels))],
        "label": labels,
        "group": pd.Series(groups or [None] * len(labels), dtype="string"),
        "quality": np.nan,
        "digest": list(digests or "abcdefgh"[: len(labels)]),
    }
    return Dataset("cells", Path("cells"), pd.DataFrame(rows), tuple(sorted(set(labels))))


def kinds(dataset: Dataset) -> list[str]:
    return [finding.kind for finding in dataset_findings(dataset)]


def test_grouped_is_said_only_where_every_image_has_a_group() -> None:
    assert grouping(data(["A", "A", "B"]).table) == "images only"
    assert grouping(data(["A", "A", "B"], ["p", "p", "q"]).table) == "grouped by patient (2)"
    partly = data(["A", "A", "B"], ["p", None, "q"])
    assert grouping(partly.table) == "1 of 3 images name no patient"
    assert [finding.text[:29] for finding in dataset_findings(partly)] == ["1 of 3 images name no patient"]
    assert kinds(data(["A", "A", "B"], ["p", "p", "q"])) == kinds(data(["A", "A", "B"])) == []


def test_patients_that_are_probably_one_are_counted_without_their_names() -> None:
    [finding] = dataset_findings(data(["A", "A", "B", "B"], ["Smith", "smith", "P2", "P3"]))
    assert finding.kind == "like_patients" and "mith" not in finding.text
    assert finding.text.startswith("1 patient is probably written in several ways")
    assert kinds(data(["A", "A", "B"], ["P1", "P2", "P3"])) == []


@pytest.mark.parametrize("name", ["unknown", "N/A", "NA", "-", "nan", "None", "?"])
def test_a_patient_called_unknown_is_told(name: str) -> None:
    [finding] = dataset_findings(data(["A", "A", "B"], ["P1", name, name]))
    assert finding.kind == "unnamed_patients"
    assert finding.text.startswith(f"2 of 3 images name the patient {name!r}, which looks like none")


def test_contradicting_copies_are_counted_without_their_paths() -> None:
    [finding] = dataset_findings(data(["A", "B", "B", "C", "C", "C"], digests="aabbcd"))
    assert finding.kind == "contradicting_copies" and ".png" not in finding.text
    assert finding.text.startswith("2 pictures are there under several labels (A and B, B and C)")
    assert kinds(data(["A", "A", "B"], digests="aab")) == []


def test_findings_of_files_stay_through_merge_and_limit() -> None:
    dataset = data(["A", "B", "C"])
    object.__setattr__(dataset, "findings", (Finding("unused_table", "The folder holds x.csv."),))
    assert kinds(dataset.merge("A,B=D").limit(1)) == ["unused_table"]


@pytest.mark.parametrize(
    "pair",
    [("BAS", "bas"), ("EOS", "EOS "), ("EOS", "\tEOS"), ("Éosino", "E\u0301osino"), ("ﬁbro", "fibro"),
     ("A B", "A\u00a0B"), ("A B", "A  B"), ("EOS", "EOS\u200b"), ("EOS", "\ufeffEOS"), ("straße", "STRASSE")],
)  # fmt: skip
def test_labels_that_look_alike_are_named_and_quoted(pair: tuple[str, str]) -> None:
    text = like_labels([*pair, "MON"])
    assert text.startswith("probably one class") and "MON" not in text
    shown = [piece for piece in text.split("'")[1::2]]
    assert len(set(unicodedata.normalize("NFKC", piece) for piece in shown)) == 2


@pytest.mark.parametrize("pair", [("BAS", "BAT"), ("A1", "A2"), ("LY T", "LYT"), ("LY_T", "LY T"), ("ß", "b")])
def test_labels_that_do_not_are_two_classes(pair: tuple[str, str]) -> None:
    assert like_labels(pair) == ""


def test_the_way_out_works() -> None:
    dataset = data(["BAS", "bas", "EOS"])
    [finding] = dataset_findings(dataset)
    assert finding.kind == "like_labels" and "--merge BAS,bas=BAS`" in finding.text
    assert dataset_findings(dataset.merge("BAS,bas=BAS")) == []


@settings(deadline=None)
@given(st.lists(st.text(max_size=5), max_size=6))
def test_labels_are_alike_if_their_plain_forms_are(labels: list[str]) -> None:
    assert all(plain(plain(label)) == plain(label) for label in labels)
    alike = {frozenset(names) for names in look_alike(labels)}
    for name in set(labels):
        twins = {other for other in labels if plain(other) == plain(name)}
        assert (len(twins) > 1) == (frozenset(twins) in alike)


def test_an_unknown_name_that_looks_like_a_known_one_is_quoted() -> None:
    assert did_you_mean("EOS ", ["BAS", "EOS"]) == " Did you mean 'EOS'? It differs by spaces or Unicode form."
    assert did_you_mean("e\u0301", ["\u00e9"]) == " Did you mean '\\xe9'? It differs by spaces or Unicode form."
    assert did_you_mean("eos", ["BAS", "EOS"]) == " Did you mean EOS?"


@pytest.mark.parametrize(
    ("cells", "merged"),
    [
        (["P0", "", "", "P1", "", ""], True),
        (["P0", " ", "P1", "", "P0", ""], True),
        (["P0", "", ""], True),
        (["", "P0", "", ""], False),
        (["P0", "P0", "", "P1", "", ""], False),
        (["P0", "", "P1", "P2", "P3"], False),
        (["P0", "P1"], False),
        (["", ""], False),
        ([], False),
    ],
)
def test_merged_cells_are_told_from_names_left_out(cells: list[str], merged: bool) -> None:
    assert looks_merged(cells) == merged


def test_filled_down() -> None:
    assert filled_down(["", "P0", "", " ", "P1 ", ""]) == ["", "P0", "P0", "P0", "P1", "P1"]
