"""Synthetic images compared with real ones, over all classes and class by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cytobench._keys import derive_seed
from cytobench.metrics.fidelity.features import FeatureSet
from cytobench.metrics.fidelity.measure import Fidelity, measure
from cytobench.pipeline.fidelity.copies import Copies, Tuning, Untested, find_copies
from cytobench.pipeline.fidelity.extract import FeatureReader
from cytobench.pipeline.fidelity.part import Part


@dataclass(frozen=True)
class Comparison:
    """Fidelity of all images and of each class, and what the test for copies found, where it was made."""

    total: Fidelity
    classes: Mapping[str, Fidelity]
    copies: Copies | None


def compare(
    reader: FeatureReader,
    real: Part,
    synthetic: Part,
    classes: Sequence[str],
    seed: int,
    tuning: Tuning | Untested,
) -> Comparison:
    """Measure all classes together, and each of ``classes`` (none for images without any).

    A class that one side has no image of does not count among all. ``tuning`` is what the generator was
    tuned on, or why copies are not tested for. Each image passes once through the extractor, and seven times more,
    turned, if copies are tested for.
    """
    real_features, synthetic_features = _features(reader, real), _features(reader, synthetic)
    copies = None
    if isinstance(tuning, Tuning):
        copies = find_copies(reader, tuning, synthetic, classes or synthetic.images.labels, seed)
    both = set(real.labels) & set(synthetic.labels)
    total = measure(real_features.among(both), synthetic_features.among(both), seed)
    by_class = {
        label: measure(real_features.of(label), synthetic_features.of(label), derive_seed(seed, label))
        for label in classes
    }
    if isinstance(tuning, Untested):
        reasons = {**total.reasons, "copying": tuning.reason}
        return Comparison(replace(total, copying=tuning.as_json(), reasons=reasons), by_class, None)
    assert copies is not None
    return Comparison(
        total=replace(total, copying=copies.of_all()),
        classes={label: replace(fidelity, copying=copies.of(label)) for label, fidelity in by_class.items()},
        copies=copies,
    )


def _features(reader: FeatureReader, part: Part) -> FeatureSet:
    return FeatureSet(reader.features(part.images, part.digests), part.labels, part.groups)
