"""Which images of an outside data set are a test set for a benchmark, and under which labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cytobench.data.dataset import Dataset
from cytobench.data.external import as_external
from cytobench.errors import UserError


def named(name: str, images: dict[str, list[str]], codes: dict[str, str] | None = None) -> Dataset:
    """A data set by the digests of each class's images."""
    rows = [(label, f"{label}/{digest}.png", digest) for label in images for digest in images[label]]
    table = pd.DataFrame(rows, columns=["label", "path", "digest"]).assign(group=pd.NA, quality=np.nan)
    return Dataset(name, Path("nowhere"), table, tuple(images), codes=codes or {})


HERE = named("here", {"Basophil": ["a", "b"], "Monocyte": ["c"], "Smudge cell": ["d"]}, {"Basophil": "BAS"})


def test_names_codes_and_merged_classes_become_the_benchmarks_labels() -> None:
    merged = named("here", {"Basophil": ["a"], "Odd": ["c"]}, {"Basophil": "BAS"})
    outside = named("there", {"BAS": ["x"], "MON": ["y"], "KSC": ["z"]}, {"MON": "Monocyte"})
    found = as_external(outside, merged, ["Monocyte,KSC=Odd"], [])
    assert dict(zip(found.dataset.table["path"], found.dataset.table["label"], strict=True)) == {
        "BAS/x.png": "Basophil",
        "MON/y.png": "Odd",
        "KSC/z.png": "Odd",
    }
    assert found.dataset.labels == merged.labels


def test_images_that_the_data_set_has_and_classes_left_to_training_are_left_out() -> None:
    outside = named("there", {"Basophil": ["a", "x"], "Monocyte": ["y"], "Smudge cell": ["z"]})
    found = as_external(outside, HERE, [], ["Smudge cell"])
    assert list(found.dataset.table["digest"]) == ["x", "y"]
    assert found.copies == 1
    assert found.summary == (
        "outside test set: there, 2 images; none of Smudge cell; 1 left out, the data set has them too"
    )


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ({"Basofil": ["x"], "Monocyte": ["y"]}, ["no class 'Basofil'", "Did you mean Basophil?", "Smudge cell"]),
        ({"Basophil": ["a"], "Monocyte": ["y"]}, ["1 of 2 images are the data set's own", "fewer than two classes"]),
        ({"Basophil": ["x"]}, ["0 of 1 images", "fewer than two classes"]),
    ],
)
def test_other_labels_and_too_few_classes_are_refused(images: dict[str, list[str]], words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        as_external(named("there", images), HERE, [], [])
    assert all(word in str(error.value) for word in ["external_test='there'", *words])


def with_groups(dataset: Dataset, **groups: str) -> Dataset:
    """The same with a group for each image named by its digest."""
    return replace(dataset, table=dataset.table.assign(group=dataset.table["digest"].map(groups)))


@pytest.mark.parametrize(
    ("here", "there", "left"),
    [
        pytest.param({"a": "P1"}, {"x": "P1", "y": "P2", "z": "P3"}, ["y", "z", "v"], id="a patient of the data set"),
        pytest.param({"a": "P1"}, {"x": "p1 ", "y": "P2", "z": "P3"}, ["y", "z", "v"], id="the same in small letters"),
        pytest.param({"a": "P1"}, {"x": "P2", "y": "P2", "z": "P3"}, ["x", "y", "z", "v"], id="other patients"),
        pytest.param({}, {"b": "Q", "x": "Q", "y": "R"}, ["y", "z", "v"], id="a patient one of whose images is a copy"),
        pytest.param({"a": "P1"}, {}, ["x", "y", "z", "v"], id="no patients outside"),
        pytest.param({}, {}, ["x", "y", "z", "v"], id="no patients at all"),
    ],
)
def test_patients_of_the_data_set_are_left_out_as_its_copies_are(
    here: dict[str, str], there: dict[str, str], left: list[str]
) -> None:
    outside = named("there", {"Basophil": ["b", "v", "x"], "Monocyte": ["y", "z"]})
    found = as_external(with_groups(outside, **there), with_groups(HERE, **here), [], [])
    assert sorted(found.dataset.table["digest"]) == sorted(left)
    assert (found.copies, found.of_patients) == (1, 4 - len(left))
    assert ("left out, their patients are in the data set too" in found.summary) == (len(left) < 4)


def test_patients_that_are_only_called_alike_are_told_how_to_go_on() -> None:
    outside = with_groups(named("there", {"Basophil": ["x"], "Monocyte": ["y"]}), x="1", y="2")
    with pytest.raises(UserError) as error:
        as_external(outside, with_groups(HERE, a="1", c="2"), [], [])
    assert "2 more are of its patients or slides (1, 2)" in str(error.value)
    assert "give their groups other names" in str(error.value)
