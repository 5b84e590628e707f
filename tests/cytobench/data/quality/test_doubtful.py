"""Which images are called blurred or over-exposed."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from cytobench.data.quality.doubtful import OWN_MEDIAN, blurred, clipped
from cytobench.data.quality.optics import measure
from cytobench_phantom.morphology import draw_cell, draw_smear
from cytobench_phantom.render import render


def table(**classes: list[float]) -> pd.DataFrame:
    """Images a.0, a.1 ... of each class with these values in every measure."""
    rows = [(f"{label}.{i}", label, value) for label, values in classes.items() for i, value in enumerate(values)]
    found = pd.DataFrame(rows, columns=["path", "label", "sharpness"])
    return found.assign(white=found["sharpness"], black=found["sharpness"])


def test_an_image_is_held_against_its_own_class() -> None:
    found = blurred(table(smooth=[0.03] * 20, grainy=[0.2] * 19 + [0.03]))
    assert list(found["path"]) == ["grainy.19"]
    assert list(found["median"]) == [0.2]


def test_no_image_that_is_sharp_in_itself_is_called_blurred() -> None:
    assert blurred(table(a=[0.5] * 19 + [0.05])).empty


def test_the_worst_for_its_class_comes_first() -> None:
    found = blurred(table(a=[0.05] * 18 + [0.01, 0.012], b=[0.1] * 19 + [0.011]))
    assert list(found["path"]) == ["b.19", "a.18", "a.19"]


def test_a_small_class_is_held_against_the_whole_data_set() -> None:
    small = [0.01] * (OWN_MEDIAN - 1)
    assert len(blurred(table(small=small, large=[0.1] * 50))) == len(small)
    assert blurred(table(small=[*small, 0.01], large=[0.1] * 50)).empty


def test_flat_and_single_images_are_no_accident() -> None:
    assert blurred(table(a=[0.0])).empty
    assert list(blurred(table(a=[0.1] * 10 + [0.0]))["path"]) == ["a.10"]
    assert clipped(table(a=[1.0]), "white").empty
    assert blurred(table(a=[])).empty and clipped(table(a=[]), "black").empty


def test_a_white_ground_is_no_fault_where_the_class_has_it() -> None:
    usual = list(np.linspace(0.4, 0.6, 20))
    assert clipped(table(a=usual), "white").empty
    assert list(clipped(table(a=[*usual, 0.99]), "white")["path"]) == ["a.20"]
    assert list(clipped(table(a=[0.0] * 20 + [0.3, 0.15]), "black")["path"]) == ["a.20"]


def test_of_drawn_cells_those_out_of_focus_are_called_blurred() -> None:
    rng = np.random.default_rng(3)
    drawn = [(draw_cell("Monocyte", rng), draw_smear(rng)) for _ in range(120)]
    found = pd.DataFrame([asdict(measure(render(cell, smear, 128, rng))) for cell, smear in drawn])
    blur = np.array([smear.blur for _, smear in drawn])
    called = set(blurred(found.assign(label="Monocyte")).index)
    assert set(np.flatnonzero(blur > 0.3)) <= called
    assert called <= set(np.flatnonzero(blur > 1.3 * np.median(blur)))
    assert 0 < len(called) < 25
