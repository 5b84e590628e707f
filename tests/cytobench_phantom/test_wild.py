"""Class-free cells and their captions: broad, obeyed by the words, and without any class name."""

import re

import numpy as np
import pytest

from cytobench_phantom.captions import caption, phrases, surroundings, vocabulary
from cytobench_phantom.morphology import CODES, DESCRIPTIONS, LABELS, draw_cell
from cytobench_phantom.render import render
from cytobench_phantom.wild import draw_wild

CLASS_WORDS = {word.lower() for label in LABELS for word in label.split()} - {"cell"}
CLASS_WORDS |= {code.lower() for code in CODES.values()}


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def test_vocabulary_holds_no_word_of_a_class_name() -> None:
    assert not CLASS_WORDS & set(vocabulary())
    assert not any(part in word for part in ("phil", "cyte", "blast") for word in vocabulary())


def test_captions_use_the_vocabulary_alone_and_all_of_it_occurs() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_wild(rng) for _ in range(3000)]
    used = {word for cell, smear in drawn for word in words(caption(cell, rng, smear))}
    assert used == set(vocabulary())


@pytest.mark.parametrize("label", LABELS)
def test_cells_of_a_class_are_described_without_naming_it(label: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        assert set(words(caption(draw_cell(label, rng), rng))) <= set(vocabulary())


@pytest.mark.parametrize("label", LABELS)
def test_descriptions_are_made_of_phrases_true_of_many_cells_of_the_class(label: str) -> None:
    rng = np.random.default_rng(2)
    drawn = [phrases(draw_cell(label, rng)) for _ in range(200)]
    assert set(words(DESCRIPTIONS[label])) <= set(vocabulary())
    for phrase in DESCRIPTIONS[label].split(", "):
        assert sum(phrase in described for described in drawn) >= 50, phrase


def test_descriptions_differ_between_classes() -> None:
    assert set(DESCRIPTIONS) == set(LABELS)
    assert len(set(DESCRIPTIONS.values())) == 15


def test_surroundings_are_told_apart() -> None:
    rng = np.random.default_rng(7)
    smears = [smear for _, smear in (draw_wild(rng) for _ in range(500))]
    around = [surroundings(smear) for smear in smears]
    assert {phrases[0] for phrases in around} == {"near view", "middle view", "far view"}
    assert min(smear.field for smear, phrases in zip(smears, around, strict=True) if "far view" in phrases) >= 28
    assert all(("unsharp" in phrases) == (smear.blur > 0.2) for smear, phrases in zip(smears, around, strict=True))
    with_smear = {phrase for _ in range(30) for phrase in caption(draw_wild(rng)[0], rng, smears[0]).split(", ")}
    assert set(around[0]) <= with_smear


def test_captions_are_shuffled_and_some_phrases_dropped() -> None:
    rng = np.random.default_rng(3)
    cell, _ = draw_wild(rng)
    drawn = [caption(cell, rng).split(", ") for _ in range(50)]
    assert all(3 <= len(set(shown)) == len(shown) <= len(phrases(cell)) for shown in drawn)
    assert all(set(shown) <= set(phrases(cell)) for shown in drawn)
    assert len({shown[0] for shown in drawn}) > 3
    assert len({len(shown) for shown in drawn}) > 1


def test_attributes_are_drawn_apart() -> None:
    """Every nucleus shape meets every kind of granule, and neither size nor share follows the shape."""
    rng = np.random.default_rng(4)
    cells = [cell for cell, _ in (draw_wild(rng) for _ in range(2000)) if not cell.smudged]
    pairs = {(cell.nucleus, cell.granules) for cell in cells}
    assert len(pairs) == 8 * 5
    assert abs(np.corrcoef([cell.size for cell in cells], [cell.clumping for cell in cells])[0, 1]) < 0.08


def test_real_grounds_lie_inside_the_wild_ones() -> None:
    """The yellow ground of one real data set and the lavender white of the other."""
    rng = np.random.default_rng(5)
    grounds = np.array([smear.ground for _, smear in (draw_wild(rng) for _ in range(800))]) * 255
    for real in ((255, 228, 200), (232, 226, 234)):
        assert np.abs(grounds - real).max(axis=1).min() < 8


def test_wild_cells_render() -> None:
    rng = np.random.default_rng(6)
    for _ in range(25):
        image = render(*draw_wild(rng), 64, rng)
        assert image.shape == (64, 64, 3)
        assert image.dtype == np.uint8
