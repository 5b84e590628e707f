"""What ``cytobench fidelity`` measures: folders or manifests of real and synthetic images, and of shots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cytobench._keys import derive_seed
from cytobench.data.quality.tiles import refuse_target
from cytobench.errors import UserError, option
from cytobench.metrics.copying.search import Others, seen, thumbnail
from cytobench.pipeline.fidelity.compare import Comparison, compare
from cytobench.pipeline.fidelity.copies import Tuning, Untested
from cytobench.pipeline.fidelity.extract import ExtractorUsed, Progress, reading, ready_extractor
from cytobench.pipeline.fidelity.folders import Collection, open_collection, refuse_other_classes
from cytobench.pipeline.fidelity.part import Part
from cytobench.plugins import Plugins, load_plugins
from cytobench.protocols import find_protocol
from cytobench.storage.cache import cache_folder

HELD_OUT = 2000
"""Held-out images of a class at most, drawn at random: the test's memory grows with their square."""


@dataclass(frozen=True)
class Sources:
    """What the user named. ``holdout`` are images that the generator has not seen, by default the real ones.

    ``chosen`` says how the shots were chosen, and is None where they were drawn at random.
    """

    real: Path
    synthetic: Path
    shots: Path | None = None
    holdout: Path | None = None
    chosen: str | None = None


@dataclass(frozen=True)
class CopyOfReal:
    """A synthetic image and the real one that it equals or nearly equals, by their names."""

    synthetic: str
    real: str
    difference: float
    """As of :mod:`cytobench.metrics.copying.search`."""
    equal: bool
    """Whether the pixels are the same."""


@dataclass(frozen=True)
class Report:
    """Fidelity of all images and of each class; there are no classes where folders are flat."""

    extractor: ExtractorUsed
    sources: Sources
    seed: int
    identical: int
    """Synthetic images with the very pixels of a real one."""
    copied: Sequence[CopyOfReal]
    """Synthetic images that equal or nearly equal a real one, a shot or a held-out image, whatever their classes."""
    left_out: int
    """Real images with the very pixels of a shot, which are no reference."""
    comparison: Comparison

    def as_json(self) -> dict[str, Any]:
        """The report as ``cytobench fidelity --json`` writes it: the figures of all images beside the rest."""
        named = {name: None if value is None else str(value) for name, value in vars(self.sources).items()}
        return {
            "extractor": asdict(self.extractor),
            **named,
            "seed": self.seed,
            "identical": self.identical,
            "copies": [asdict(copy) for copy in self.copied],
            "left_out": self.left_out,
            **asdict(self.comparison.total),
            "classes": {label: asdict(fidelity) for label, fidelity in self.comparison.classes.items()},
        }

    def draw_pairs(self, file: Path) -> bool:
        """Write a PNG of the closest pairs of synthetic images and shots; False, and no file, where there are none.

        Raises UserError if it cannot be written.
        """
        copies = self.comparison.copies
        try:
            return copies is not None and copies.draw(file)
        except OSError as error:
            raise UserError(f"{option('pairs', file)} cannot be written: {error.strerror or error}.") from error


def compare_folders(
    sources: Sources,
    extractor: str,
    *,
    values: Mapping[str, Mapping[str, Any]] | None = None,
    preset: str = "paper",
    device: str = "cpu",
    seed: int = 42,
    pairs: Path | None = None,
    plugins: Plugins | None = None,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Compare folders of classes, flat folders, or manifests, and test for copies where shots are named.

    All are seen as the protocol ``strict`` shows images to a classifier. Features are kept in the cache folder.
    ``pairs`` is where a sheet is to be drawn, which is checked before work starts. Raises UserError for a user's
    mistake, before the extractor is opened but for weights that do not fit it.
    """
    values = values or {}
    for name in values:
        if name != extractor:
            raise UserError(f"{option('set')} {name}.…: {name} is not part of this ({extractor}).")
    _check_shots(sources, pairs)
    ready = ready_extractor(extractor, values.get(extractor, {}), plugins or load_plugins(), preset)
    sides = _open(sources)
    if pairs is not None:
        for side in sides.values():
            refuse_target(pairs, side.root, side.part.names, "pairs")
    real, synthetic = sides["real"].part, sides["synthetic"].part
    tuning: Tuning | Untested = Untested(f"needs the shots that the generator was tuned on ({option('shots')})", False)
    reference = real
    if "shots" in sides:
        shots = sides["shots"].part
        reference = real.without(shots.digests)
        if not len(reference):
            raise UserError(
                f"{option('real', sources.real)}: all its images are among {option('shots', sources.shots)}. The "
                "reference must be images that the generator has not seen."
            )
        held_out = sides["holdout"].part.without(shots.digests) if "holdout" in sides else reference
        tuning = Tuning(shots, _at_most(held_out, HELD_OUT, seed), sources.chosen)
    view = real.images.view
    with reading(ready, cache_folder() / "features", device, progress) as reader:
        comparison = compare(reader, reference, synthetic, sides["real"].classes, seed, tuning)
        used = reader.used(view)
    known = set(real.digests)
    identical = sum(digest in known for digest in synthetic.digests)
    copied = copies_of_real(synthetic, [sides[name].part for name in ("real", "shots", "holdout") if name in sides])
    return Report(used, sources, seed, identical, copied, len(real) - len(reference), comparison)


def copies_of_real(synthetic: Part, real: Sequence[Part]) -> list[CopyOfReal]:
    """The synthetic images that equal or nearly equal one of these real ones, compared whole, without a view."""
    names = [name for part in real for name in part.names]
    digests = {digest: row for row, digest in enumerate(digest for part in real for digest in part.digests)}
    others = Others(np.stack([thumbnail(pixels.read()) for part in real for pixels in part.images.pixels]))
    copied = []
    for name, digest, pixels in zip(synthetic.names, synthetic.digests, synthetic.images.pixels, strict=True):
        equal = digests.get(digest)
        [match] = [None] if equal is not None else others.search(seen(pixels.read())[None])
        if equal is not None:
            copied.append(CopyOfReal(name, names[equal], 0.0, equal=True))
        elif match is not None:
            copied.append(CopyOfReal(name, names[match.other], match.difference, equal=False))
    return copied


def _at_most(part: Part, images: int, seed: int) -> Part:
    """At most so many images of each class, drawn at random; in the order in which they are."""
    rows: list[int] = []
    for label in part.images.labels:
        drawn = np.random.default_rng(derive_seed(seed, "held out", label)).permutation(part.rows(label))[:images]
        rows += [int(row) for row in drawn]
    return part.take(sorted(rows))


def _check_shots(sources: Sources, pairs: Path | None) -> None:
    """Raise UserError for what is of no use without ``shots``."""
    if sources.shots is not None:
        return
    for parameter, value in (("holdout", sources.holdout), ("chosen", sources.chosen), ("pairs", pairs)):
        if value is not None:
            raise UserError(
                f"{option(parameter, value)}: it is about copies of the shots. Name these too, with "
                f"{option('shots', 'DIR')}."
            )


def _open(sources: Sources) -> dict[str, Collection]:
    """What the user named, by parameter; the classes fit."""
    view, cache = find_protocol("strict").view, cache_folder()
    named = {
        "real": sources.real,
        "synthetic": sources.synthetic,
        "shots": sources.shots,
        "holdout": sources.holdout,
    }
    sides = {name: open_collection(path, name, view, cache) for name, path in named.items() if path is not None}
    for name, side in sides.items():
        refuse_other_classes(sides["real"], side, name, some=name in ("shots", "holdout"))
    return sides
