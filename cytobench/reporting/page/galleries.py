"""Galleries: for each class the real images, the shots, and what each generator made of them, a bounded number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cytobench.decode import BadImage
from cytobench.images import FilePixels
from cytobench.metrics.copying.pixels import TRANSFORMS, transform
from cytobench.reporting.page.gather import Group
from cytobench.reporting.page.media import Media, Picture
from cytobench.reporting.page.pack import PackSource
from cytobench.reporting.page.realdata import RealData
from cytobench.reporting.page.sources import RealImage, Source, StoreSource, SyntheticImage
from cytobench.reporting.page.synthetic import ShownGenerator, SyntheticImages, index_of, shown_generators
from cytobench.storage.records import Record

PER_ROW = 8
"""Images in a row of a gallery, at most."""
LEAST = 2
"""Images in a row where there are very many rows."""
PAIRS = 6
"""Closest pairs of a class that are shown, at most."""

Pair = tuple[Picture, Picture, str]
"""A synthetic image, the shot it is nearest to, and how near."""


@dataclass(frozen=True)
class Strip:
    """Pictures of one class and one origin; ``why_none`` where there are none to show."""

    title: str
    kind: str
    """``real``, ``shots`` or ``synthetic``."""
    shots: int | None
    pictures: tuple[Picture, ...]
    why_none: str = ""


@dataclass(frozen=True)
class ClassGallery:
    """All strips of a class, and the closest pairs of synthetic images and shots."""

    label: str
    n_real: int
    strips: tuple[Strip, ...]
    copying: tuple[str, ...] = ()
    """What the test for copies said of the class, by generator."""
    pairs: tuple[Pair, ...] = ()


@dataclass(frozen=True)
class Gallery:
    """The galleries of a section."""

    classes: tuple[ClassGallery, ...]
    source: str
    """Where the synthetic images come from."""
    why_no_real: str
    """Why real images and shots are not shown; empty where they are."""
    absent: tuple[str, ...] = ()
    """What has no picture in any class, and why."""
    elsewhere: bool = False
    """Whether images that were made outside the run may be among them."""
    unchecked: bool = False
    """Whether images may be among them that were not compared with all real ones."""

    @property
    def strips(self) -> list[Strip]:
        """Those of all classes."""
        return [strip for of_class in self.classes for strip in of_class.strips]

    @property
    def shots(self) -> list[int]:
        """The numbers of shots there are, to choose from."""
        return sorted({strip.shots for strip in self.strips if strip.shots})

    @property
    def n_pictures(self) -> int:
        """How many pictures it has."""
        pairs = sum(len(of_class.pairs) for of_class in self.classes)
        return sum(len(strip.pictures) for strip in self.strips) + 2 * pairs


def gallery(group: Group, sources: Sequence[Source], real: RealData, budget: int, media: Media) -> Gallery | None:
    """The gallery of a section with about ``budget`` pictures at most; None where there is nothing to show."""
    generators, images = shown_generators(group), SyntheticImages(sources, real)
    first = group.records[0]
    rows = len(first.evaluated) * (len(generators) * (1 if real.images is None else 2) + (real.images is not None))
    if not rows:
        return None
    each = min(PER_ROW, max(LEAST, budget // rows))
    whole = Gallery(
        classes=tuple(_of_class(label, generators, images, first, each, media) for label in first.evaluated),
        source=_source(sources, generators),
        why_no_real=real.why_none,
        elsewhere=real.allowed and any(generator.elsewhere for generator in generators),
        unchecked=any(not generator.checked(label) for generator in generators for label in generator.sets),
    )
    # What is in no class is said once, not in each of them.
    titles = {strip.title for strip in whole.strips if strip.pictures}
    absent = {f"{strip.title}: {strip.why_none}" for strip in whole.strips if strip.title not in titles}
    classes = tuple(
        replace(of_class, strips=tuple(strip for strip in of_class.strips if strip.title in titles))
        for of_class in whole.classes
    )
    return replace(whole, classes=classes, absent=tuple(sorted(absent))) if whole.n_pictures else None


def sources_of(group: Group, store: Path | None) -> list[Source]:
    """The store of each folder behind a section, then their packs; ``store`` is one the user named."""
    roots = [store] if store else [folder / "store" for folder in group.folders]
    packs = [pack for pack in map(PackSource, group.folders) if pack]
    return [*(StoreSource(root) for root in roots if root.is_dir()), *packs]


def _source(sources: Sequence[Source], generators: Sequence[ShownGenerator]) -> str:
    keys = [of_class.key for generator in generators for of_class in generator.sets.values()]
    names = [source.name for source in sources if any(next(source.images(key, 1), None) for key in keys)]
    return " and ".join(dict.fromkeys(names))


def _of_class(
    label: str,
    generators: Sequence[ShownGenerator],
    images: SyntheticImages,
    first: Record,
    each: int,
    media: Media,
) -> ClassGallery:
    strips: list[Strip] = []
    if images.real is not None:
        pictures = _real_pictures(images.real.some(label, each), f"Real {label}", media)
        strips.append(Strip("Real images of the data set", "real", None, pictures))
    tuned: dict[int, Strip] = {}
    for generator in generators:
        shots = images.shots(generator, label)
        if shots and generator.shots not in tuned:
            title = f"Shots: {len(shots)} real images, fold {generator.record.protocol.fold}"
            pictures = _real_pictures(shots[:each], f"Shot of {label}", media)
            tuned[generator.shots] = Strip(title, "shots", generator.shots, pictures)
    strips += tuned.values()
    for generator in generators:
        synthetic, why = images.of_class(generator, label, each)
        pictures = tuple(_synthetic_picture(image, generator, label, media) for image in synthetic)
        strips.append(Strip(generator.title, "synthetic", generator.shots, pictures, why))
    pairs, verdicts = _copying(label, generators, images, media)
    return ClassGallery(label, first.dataset.classes.get(label, 0), tuple(strips), tuple(verdicts), tuple(pairs))


def _real_pictures(images: Sequence[RealImage], words: str, media: Media) -> tuple[Picture, ...]:
    read = [(number, image, _read(image.pixels)) for number, image in enumerate(images, 1)]
    return tuple(
        media.draw(pixels, f"{words}, {number} of {len(images)}", f"{words}: {image.path}")
        for number, image, pixels in read
        if pixels is not None
    )


def _read(image: FilePixels) -> NDArray[np.uint8] | None:
    try:
        return image.read()
    except BadImage:
        return None


def _synthetic_picture(image: SyntheticImage, generator: ShownGenerator, label: str, media: Media) -> Picture:
    copied = generator.record.gives_back_shots or image.index in generator.copies(label)
    what = "Copy of a real image, not synthetic:" if copied else "Synthetic"
    words = f"{what} {label}, image {image.index} of {generator.title}"
    return media.draw(image.pixels, words, words)


def _copying(
    label: str, generators: Sequence[ShownGenerator], images: SyntheticImages, media: Media
) -> tuple[list[Pair], list[str]]:
    """The closest pairs of a class, and what the test for copies said, a line a generator."""
    shown: list[Pair] = []
    verdicts = []
    for generator in generators:
        for fidelity in generator.record.fidelity[:1]:
            of_class = fidelity.classes.get(label)
            copying = of_class.copying if of_class else None
            if copying is None:
                continue
            verdicts.append(f"{generator.title}: {copying.get('verdict', '')}")
            pairs = sorted(
                copying.get("pairs", ()), key=lambda pair: (pair.get("space") != "pixels", pair.get("distance", 2))
            )
            pictures = (_pair(pair, generator, label, images, media) for pair in pairs[: PAIRS // len(generators)])
            shown += [pair for pair in pictures if pair is not None]
    return shown, verdicts


def _pair(
    pair: Mapping[str, object], generator: ShownGenerator, label: str, images: SyntheticImages, media: Media
) -> Pair | None:
    index, shot = index_of(pair), images.real and images.real.of_path(str(pair.get("shot")))
    synthetic = None if index is None or not shot else images.single(generator, label, index)
    pixels = _read(shot.pixels) if shot else None
    if synthetic is None or pixels is None or not shot:
        return None
    distance, turned = pair.get("distance"), pair.get("transform")
    near = f"{distance:.3f} in {pair.get('space')}" if isinstance(distance, float | int) else ""
    if turned in TRANSFORMS:
        pixels = np.asarray(transform(pixels, str(turned)), dtype=np.uint8)
        near = f"{near}, {turned}"
    words = f"Shot of {label} nearest to image {synthetic.index} of {generator.title}: {near}"
    drawn = media.draw(pixels, words, f"{words} ({shot.path})")
    return _synthetic_picture(synthetic, generator, label, media), drawn, near
