"""The test for copies of the shots (docs/copying.md), on the images and the extractor of a fidelity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cytobench._keys import derive_seed
from cytobench.metrics.copying import Copying, Features, Pair, contact_sheet, detect_copying, holm
from cytobench.metrics.copying.model import CLOSER, LEVEL, in_pixels
from cytobench.pipeline.fidelity.extract import FeatureReader
from cytobench.pipeline.fidelity.part import Part

PERMUTATIONS = 999
"""Labellings that are drawn at least; over C classes p reaches 0.05 after Holm's correction with 20 C - 1."""

SHOWN = 8
"""Pairs of a sheet that are the closest in features, and as many that are the closest in pixels."""


@dataclass(frozen=True)
class Tuning:
    """What a generator was tuned on, and images of the same classes that it has not seen.

    ``chosen`` is None where the shots of a class were drawn at random from both together (within groups, where these
    are known); else it says how they were chosen, and nothing can be tested.
    """

    shots: Part
    held_out: Part
    chosen: str | None = None


@dataclass(frozen=True)
class Untested:
    """Why copies are not tested for; ``tuned`` is whether there are images that the generator learned from."""

    reason: str
    tuned: bool

    def as_json(self) -> dict[str, Any] | None:
        """What stands in place of a result; None where there is nothing that could be copied."""
        if not self.tuned:
            return None
        return {
            "testable": False,
            "reason": self.reason,
            "p_value": None,
            "smallest_p": None,
            "verdict": f"not testable: {self.reason}",
        }


@dataclass(frozen=True)
class Copies:
    """What the test found by class, with the shots and synthetic images that its pairs are of."""

    by_class: Mapping[str, Copying]
    shots: Mapping[str, Part]
    synthetic: Mapping[str, Part]

    def of(self, label: str) -> dict[str, Any]:
        """What was found of a class, ready for JSON; its pairs name their images."""
        copying = self.by_class[label]
        pairs = []
        for pair in copying.pairs:
            synthetic, shot = self._names(label, pair)
            pairs.append({**asdict(pair), "synthetic": synthetic, "shot": shot})
        return {**copying.as_json(), "pairs": pairs}

    def of_all(self) -> dict[str, Any]:
        """All classes together: of one class what was found, of several the summary of their results."""
        return self.of(next(iter(self.by_class))) if len(self.by_class) == 1 else summary(self.by_class)

    def draw(self, file: Path) -> bool:
        """Write the closest pairs of all classes as a PNG; False, and no file, where there are none."""
        pairs = [(pair, label) for label, copying in self.by_class.items() for pair in copying.pairs]
        pairs.sort(key=lambda pair_and_label: pair_and_label[0].distance)
        shown = []
        for space in ("features", "pixels"):
            shown += [(pair, label) for pair, label in pairs if pair.space == space][:SHOWN]
        if not shown:
            return False
        contact_sheet(
            [replace(pair, synthetic=i, shot=i) for i, (pair, _) in enumerate(shown)],
            [self.shots[label].images[pair.shot] for pair, label in shown],
            [self.synthetic[label].images[pair.synthetic] for pair, label in shown],
            file,
            [self._names(label, pair) for pair, label in shown],
        )
        return True

    def _names(self, label: str, pair: Pair) -> tuple[str, str]:
        return self.synthetic[label].names[pair.synthetic], self.shots[label].names[pair.shot]


def find_copies(reader: FeatureReader, tuning: Tuning, synthetic: Part, labels: Sequence[str], seed: int) -> Copies:
    """Test each of these classes for copies, and correct over classes; features are means over flips and rotations.

    Raises as :func:`cytobench.metrics.copying.detect_copying` does.
    """
    drawn, shots, held_out = (_Extracted.of(reader, part) for part in (synthetic, tuning.shots, tuning.held_out))
    by_class = {
        label: detect_copying(
            shots.features(label),
            held_out.features(label),
            drawn.features(label),
            chosen=tuning.chosen,
            permutations=max(PERMUTATIONS, 20 * len(labels) - 1),
            seed=derive_seed(seed, "copying", label),
        )
        for label in labels
    }
    class_shots, class_synthetic = ({label: part.of(label) for label in labels} for part in (tuning.shots, synthetic))
    return Copies(holm(by_class), class_shots, class_synthetic)


@dataclass(frozen=True)
class _Extracted:
    """The images of a part, with their features (n, d)."""

    part: Part
    values: NDArray[np.float32]

    @classmethod
    def of(cls, reader: FeatureReader, part: Part) -> _Extracted:
        return cls(part, reader.symmetric_features(part.images, part.digests))

    def features(self, label: str) -> Features:
        """What the test is given of a class."""
        rows = self.part.rows(label)
        part = self.part.take(rows)
        return Features(self.values[rows], part.groups, part.digests, part.images)


def summary(by_class: Mapping[str, Copying]) -> dict[str, Any]:
    """The results of several classes as one, ready for JSON.

    ``p_value`` is the smallest p of a class after Holm's correction, ``smallest_p`` the smallest that could be had.
    """
    tested = {label: result for label, result in by_class.items() if result.testable}
    p_values = {label: result.p_holm for label, result in tested.items() if result.p_holm is not None}
    smallest = [
        min(1.0, len(tested) * result.smallest_p) for result in tested.values() if result.smallest_p is not None
    ]
    n_synthetic = sum(result.n_synthetic for result in by_class.values())
    close = _sum(result.n_near_copies for result in by_class.values())
    control = _sum(result.n_near_copies_held_out for result in by_class.values())
    figures = {
        "testable": bool(tested),
        "reason": None if tested else "no class is testable",
        "p_value": min(p_values.values(), default=None),
        "smallest_p": min(smallest, default=None),
        "classes_tested": list(tested),
        "classes_found": [label for label, p in p_values.items() if p <= LEVEL],
        "n_shots": sum(result.n_shots for result in by_class.values()),
        "n_held_out": sum(result.n_held_out for result in by_class.values()),
        "n_synthetic": n_synthetic,
        "near_copies": None if close is None else close / n_synthetic,
        "near_copies_held_out": None if control is None else control / n_synthetic,
    }
    return {**figures, "verdict": in_pixels(close, control) + _verdict(figures, len(by_class))}


def _verdict(figures: Mapping[str, Any], classes: int) -> str:
    tested, guilty = figures["classes_tested"], figures["classes_found"]
    if not tested:
        return "not testable in any class"
    outcome = f"{CLOSER}; in {', '.join(guilty)}" if guilty else "copying not found at this power in any class"
    power = f"smallest attainable {figures['smallest_p']:.2g}, {len(tested)} of {classes} classes testable"
    return f"{outcome}: smallest p of a class {figures['p_value']:.2g} after Holm ({power})"


def _sum(counts: Iterable[int | None]) -> int | None:
    """The sum of what is known; None if nothing is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
