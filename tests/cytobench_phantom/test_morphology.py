"""The classes against what haematology says of them, and neighbours that overlap."""

from statistics import fmean

import numpy as np

from cytobench_phantom.cell import Cell
from cytobench_phantom.morphology import LABELS, draw_cell, draw_smear


def cells(label: str, count: int = 200) -> list[Cell]:
    rng = np.random.default_rng(11)
    return [draw_cell(label, rng) for _ in range(count)]


def mean(label: str, attribute: str) -> float:
    return fmean(getattr(cell, attribute) for cell in cells(label))


def test_granules_are_those_of_the_class() -> None:
    expected = {
        "Basophil": "dark",
        "Eosinophil": "orange",
        "Promyelocyte": "azurophilic",
        "Promyelocyte Bilobed": "azurophilic",
        "Segmented Neutrophil": "pink",
        "Band Neutrophil": "pink",
        "Myeloblast": "none",
        "Erythroblast": "none",
    }
    for label, kind in expected.items():
        assert {cell.granules for cell in cells(label)} == {kind}, label


def test_nuclei_are_those_of_the_class() -> None:
    assert {cell.nucleus for cell in cells("Band Neutrophil")} == {"band"}
    assert {cell.nucleus for cell in cells("Segmented Neutrophil")} == {"segmented"}
    assert 3.0 < mean("Segmented Neutrophil", "lobes") < 4.0
    assert {cell.nucleus for cell in cells("Promyelocyte Bilobed")} == {"bilobed"}
    assert {cell.nucleus for cell in cells("Erythroblast")} == {"round"}


def test_sizes_and_nucleus_shares_are_ordered_as_under_the_microscope() -> None:
    assert mean("Erythroblast", "size") < mean("Segmented Neutrophil", "size") < mean("Monocyte", "size")
    assert mean("Typical Lymphocyte", "size") < 10 < 14 < mean("Atypical Lymphocyte", "size")
    assert mean("Myeloblast", "nucleus_share") > 0.7 > mean("Myelocyte", "nucleus_share")
    assert mean("Myelocyte", "nucleus_share") > mean("Segmented Neutrophil", "nucleus_share")
    assert mean("Atypical Lymphocyte", "nucleus_share") < mean("Typical Lymphocyte", "nucleus_share")


def test_chromatin_grows_coarser_with_maturation() -> None:
    line = (
        "Myeloblast",
        "Promyelocyte",
        "Myelocyte",
        "Metamyelocyte",
        "Band Neutrophil",
        "Segmented Neutrophil",
    )
    clumping = [mean(label, "clumping") for label in line]
    assert clumping == sorted(clumping)


def test_blasts_show_nucleoli_and_only_smudge_cells_are_burst() -> None:
    assert all(cell.nucleoli for label in ("Myeloblast", "Monoblast") for cell in cells(label))
    for label in LABELS:
        assert all(cell.smudged == (label == "Smudge cell") for cell in cells(label, 20))


def test_neighbours_in_maturation_overlap() -> None:
    for younger, older in (("Myelocyte", "Metamyelocyte"), ("Myeloblast", "Monoblast")):
        for attribute in ("size", "nucleus_share"):
            low = [getattr(cell, attribute) for cell in cells(younger)]
            high = [getattr(cell, attribute) for cell in cells(older)]
            assert max(min(low), min(high)) < min(max(low), max(high))
        assert {cell.nucleus for cell in cells(younger)} & {cell.nucleus for cell in cells(older)}


def test_smears_differ_but_keep_a_pale_ground() -> None:
    rng = np.random.default_rng(3)
    grounds = {draw_smear(rng).ground for _ in range(50)}
    assert len(grounds) == 50
    assert all(min(ground) > 0.85 and max(ground) <= 1.0 for ground in grounds)
