"""Synthetic images compared with real ones, over all classes and class by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cytobench.data.cache import cache_folder
from cytobench.errors import UserError
from cytobench.fidelity.extract import ExtractorUsed, FeatureReader, Progress, reading, ready_extractor
from cytobench.fidelity.features import FeatureSet
from cytobench.fidelity.folders import Collection, open_collection, refuse_other_classes
from cytobench.fidelity.measure import Fidelity, measure
from cytobench.keys import derive_seed
from cytobench.plugins import Plugins, load_plugins
from cytobench.protocols import find_protocol

ALL = ""
"""Stands for all classes together where figures are kept by class."""


@dataclass(frozen=True)
class Report:
    """Fidelity of all images, and of each class's, of two folders; ``classes`` is empty for flat ones."""

    extractor: ExtractorUsed
    real: str
    synthetic: str
    seed: int
    identical: int
    """Synthetic images with the very pixels of a real one."""
    total: Fidelity
    classes: Mapping[str, Fidelity]


def compare(
    real: FeatureSet,
    synthetic: FeatureSet,
    classes: Sequence[str],
    seed: int,
    copying: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Fidelity]:
    """Fidelity by class, and of all classes together under ``ALL``.

    ``copying`` is what the test for copies of the shots found, by the same names; what it lacks was not tested.
    """
    copied = copying or {}
    found = {ALL: replace(measure(real, synthetic, seed), copying=copied.get(ALL))}
    for label in classes:
        one = measure(real.of(label), synthetic.of(label), derive_seed(seed, label))
        found[label] = replace(one, copying=copied.get(label))
    return found


def compare_folders(
    real: Path,
    synthetic: Path,
    extractor: str,
    *,
    values: Mapping[str, Mapping[str, Any]] | None = None,
    preset: str = "paper",
    device: str = "cpu",
    seed: int = 42,
    plugins: Plugins | None = None,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Compare two folders of classes, two flat folders, or manifests; real images come first.

    Both are seen as the protocol ``strict`` shows images to a classifier. Features are kept in the cache folder. Raises
    UserError for a user's mistake, before the extractor is opened but for weights that do not fit it.
    """
    plugins = plugins or load_plugins()
    values = values or {}
    for name in values:
        if name != extractor:
            raise UserError(f"--set {name}.…: {name} is not part of this ({extractor}).")
    ready = ready_extractor(extractor, values.get(extractor, {}), plugins, preset)
    view, cache = find_protocol("strict").view, cache_folder()
    reals = open_collection(real, "--real", view, cache)
    made = open_collection(synthetic, "--synthetic", view, cache)
    refuse_other_classes(reals, made, "--synthetic")
    with reading(ready, cache / "features", device, progress) as reader:
        real_features, made_features = _features(reals, reader), _features(made, reader)
        used = reader.used(view)
    found = compare(real_features, made_features, reals.classes, seed)
    known = set(reals.digests)
    return Report(
        extractor=used,
        real=reals.source,
        synthetic=made.source,
        seed=seed,
        identical=sum(digest in known for digest in made.digests),
        total=found.pop(ALL),
        classes=found,
    )


def as_json(report: Report) -> dict[str, Any]:
    """The report as ``cytobench fidelity --json`` writes it: the figures of all images beside the rest."""
    values = asdict(report)
    return {
        **{key: value for key, value in values.items() if key not in ("total", "classes")},
        **values["total"],
        "classes": values["classes"],
    }


def _features(side: Collection, reader: FeatureReader) -> FeatureSet:
    return FeatureSet(reader.features(side.images, side.digests), side.labels, side.groups)
