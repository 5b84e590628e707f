"""Galleries: for each class the real images, the shots, and what each generator made of them, a bounded number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cytobench.decode import BadImage, decode_image
from cytobench.metrics.copying.pixels import NEAR_COPY, TRANSFORMS, transform
from cytobench.reporting.page.gather import Group
from cytobench.reporting.page.pack import PackSource
from cytobench.reporting.page.realdata import Real
from cytobench.reporting.page.sources import Made, RealImage, Source, StoreSource
from cytobench.reporting.page.thumbnails import LARGE, SIDE, webp
from cytobench.storage.records import Record
from cytobench.storage.stage_kind import StageKind

PER_ROW = 8
"""Images in a row of a gallery, at most."""
LEAST = 2
"""Images in a row where there are very many rows."""
PAIRS = 6
"""Closest pairs of a class that are shown, at most."""
_NUMBER = re.compile(r"/(\d{1,9})\.png")


@dataclass(frozen=True)
class Tile:
    """A picture with what it is in words."""

    small: bytes
    """A WebP of at most :data:`~cytobench.reporting.page.thumbnails.SIDE` pixels."""
    large: bytes | None
    """The same larger; None where the image is no larger, or a larger one has no place."""
    alt: str
    caption: str


@dataclass(frozen=True)
class Draw:
    """Makes pictures of images; ``large`` is whether a thumbnail opens a larger one."""

    large: bool

    def __call__(self, pixels: NDArray[np.uint8], alt: str, caption: str) -> Tile:
        """The picture of an image, RGB uint8 (height, width, 3)."""
        larger = self.large and max(pixels.shape[:2]) > SIDE
        return Tile(webp(pixels), webp(pixels, LARGE) if larger else None, alt, caption)


@dataclass(frozen=True)
class Strip:
    """Pictures of one class and one origin; ``why_none`` where there are none to show."""

    title: str
    kind: str
    """``real``, ``shots`` or ``synthetic``."""
    shots: int | None
    tiles: tuple[Tile, ...]
    why_none: str = ""


@dataclass(frozen=True)
class ClassGallery:
    """All strips of a class, and the closest pairs of synthetic images and shots."""

    label: str
    n_real: int
    strips: tuple[Strip, ...]
    copying: tuple[str, ...] = ()
    """What the test for copies said of the class, by generator."""
    pairs: tuple[tuple[Tile, Tile, str], ...] = ()
    """A synthetic image, the shot it is nearest to, and how near."""


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

    @property
    def tiles(self) -> int:
        """How many pictures it has."""
        return sum(len(strip.tiles) for one in self.classes for strip in one.strips) + sum(
            2 * len(one.pairs) for one in self.classes
        )


@dataclass(frozen=True)
class SetOfClass:
    """The image set of one class: its key, and that of the fit behind it, if there is one."""

    key: str
    fit: str | None


@dataclass(frozen=True)
class Maker:
    """A generator with its shots, on the first fold that has images."""

    name: str
    shots: int
    record: Record
    sets: Mapping[str, SetOfClass]
    same: tuple[Record, ...] = ()
    """All records that used these images: any of them may tell of near-copies."""

    @property
    def title(self) -> str:
        """``sd21-lora, 16 shots, fold 0``."""
        tuned = f"{self.shots} shots" if self.shots else "not tuned on shots"
        return f"{self.name}, {tuned}, fold {self.record.protocol.fold}"

    @property
    def of_real(self) -> bool:
        """Whether its images are real ones, or may be: a control's from shots, or made outside the run."""
        return self.record.gives_back_shots or self.elsewhere

    @property
    def elsewhere(self) -> bool:
        """Whether its images or weights come from outside the run: nobody's word on the data set is about them."""
        return self.record.made_elsewhere != "no"


def makers(group: Group) -> list[Maker]:
    """The generators of a section, by name and shots; of each the images of its first fold and largest N."""
    chosen: dict[tuple[str, int, str], Maker] = {}
    records = [
        record for record in group.records if record.generator and record.status == "done" and record.n_synthetic
    ]
    for record in sorted(records, key=lambda one: (one.seed or 0, one.protocol.fold, -one.n_synthetic, one.row)):
        assert record.generator is not None
        # One fit of all classes has no label.
        fits = {stage.label or "": stage.key for stage in record.stages if stage.kind == StageKind.FIT}
        sets = {
            stage.label: SetOfClass(stage.key, fits.get(stage.label, fits.get("")))
            for stage in record.stages
            if stage.kind == StageKind.SAMPLE and stage.label
        }
        settings = f"{record.generator.fit_config}{record.generator.sample_config}"
        name = record.generator.name
        if sets:
            keys = {one.key for one in sets.values()}
            same = tuple(one for one in records if keys & {stage.key for stage in one.stages})
            maker = Maker(name, record.shots, record, sets, same)
            chosen.setdefault((name, record.shots, settings), maker)
    return list(chosen.values())


class Images:
    """Reads synthetic images from the first source that has them, and leaves out what would show a real one."""

    def __init__(self, sources: Sequence[Source], real: Real, large: bool = False) -> None:
        self.sources = sources
        self.real = real.images
        self.allowed = real.allowed
        self.draw = Draw(large)

    def of(self, maker: Maker, label: str, n: int) -> tuple[list[Made], str]:
        """Images of a class, and why there are none or fewer."""
        found = maker.sets.get(label)
        if found is None:
            return [], "no images of this class"
        if maker.elsewhere and not self.allowed:
            return [], "made outside the run: its images may be real ones of anyone, which are not shown"
        if self.real is None and maker.of_real:
            return [], "its images are, or may be, real ones, which are not shown"
        close = None if self.real is not None else near_copies(maker.same, label)
        if self.real is None and close is None:
            return [], "near-copies of real images were found among them, so that they are not shown"
        shots = {digest for _, digest in self._shots(found.fit)}
        made, digests = self._first(found.key, n + len(close or ()))
        if self.real is None and made and found.fit and digests and not shots:
            return [], "what it was tuned on is not here, so that copies could not be told"
        kept = [
            one for one in made if self.real is not None or (one.digest not in shots and one.index not in (close or ()))
        ]
        left_out = "" if len(kept) == len(made) else f"{len(made) - len(kept)} left out, which copy a real image"
        return kept[:n], left_out if made else "its images are not here"

    def shots(self, maker: Maker, label: str) -> list[RealImage]:
        """The shots of a class, as far as the store names them and the data set is open."""
        found = maker.sets.get(label)
        if self.real is None or found is None:
            return []
        known = [self.real.of_digest(label, digest) for label, digest in self._shots(found.fit)]
        return [one for one in known if one is not None]

    def one(self, maker: Maker, label: str, index: int) -> Made | None:
        """A single synthetic image of a class."""
        found = maker.sets.get(label)
        made = [] if found is None else self._first(found.key, index + 1)[0]
        return next((one for one in made if one.index == index), None)

    def _first(self, key: str, n: int) -> tuple[list[Made], bool]:
        """The first images, and whether they are a store's; those of a pack were looked through when it was made."""
        for source in self.sources:
            made = list(source.images(key, n))
            if made:
                return made, isinstance(source, StoreSource)
        return [], False

    def _shots(self, fit: str | None) -> list[tuple[str, str]]:
        if fit is None:
            return []
        stores = [source for source in self.sources if isinstance(source, StoreSource)]
        return next((found for store in stores if (found := store.shots(fit))), [])


def near_copies(records: Iterable[Record], label: str) -> set[int] | None:
    """The numbers of a class's images that are near-copies of a shot in pixels, as far as fidelities on record say.

    None where there are more of them than it names.
    """
    found: set[int] = set()
    most = 0
    for fidelity in (one for record in records for one in record.fidelity):
        of_class = fidelity.classes.get(label)
        copying = of_class.copying if of_class else None
        if copying is None:
            continue
        share, n = copying.get("near_copies"), copying.get("n_synthetic", 0)
        most = max(most, round((share or 0) * n))
        for pair in copying.get("pairs", ()):
            number = index_of(pair)
            if pair.get("space") == "pixels" and number is not None and pair.get("distance", 2) <= NEAR_COPY:
                found.add(number)
    return found if len(found) >= most else None


def index_of(pair: Mapping[str, object]) -> int | None:
    """The number of the synthetic image of a pair."""
    found = _NUMBER.search(str(pair.get("synthetic", "")))
    return int(found.group(1)) if found else None


def gallery(group: Group, sources: Sequence[Source], real: Real, budget: int, large: bool) -> Gallery | None:
    """The gallery of a section with about ``budget`` pictures at most; None where there is nothing to show."""
    known, images = makers(group), Images(sources, real, large)
    first = group.records[0]
    rows = len(first.evaluated) * (len(known) * (1 if real.images is None else 2) + (real.images is not None))
    if not rows:
        return None
    each = min(PER_ROW, max(LEAST, budget // rows))
    classes = tuple(_class(label, known, images, first, each) for label in first.evaluated)
    elsewhere = real.allowed and any(maker.elsewhere for maker in known)
    found = _gathered(Gallery(classes, _source(sources, known), real.why_none, elsewhere=elsewhere))
    return found if found.tiles else None


def _gathered(found: Gallery) -> Gallery:
    """The same where what is in no class is said once, not in each of them."""
    there = {strip.title for one in found.classes for strip in one.strips if strip.tiles}
    absent = {
        f"{strip.title}: {strip.why_none}" for one in found.classes for strip in one.strips if strip.title not in there
    }
    classes = tuple(
        replace(one, strips=tuple(strip for strip in one.strips if strip.title in there)) for one in found.classes
    )
    return replace(found, classes=classes, absent=tuple(sorted(absent)))


def _source(sources: Sequence[Source], known: Sequence[Maker]) -> str:
    keys = [one.key for maker in known for one in maker.sets.values()]
    names = [source.name for source in sources if any(next(source.images(key, 1), None) for key in keys)]
    return " and ".join(dict.fromkeys(names))


def _class(label: str, known: Sequence[Maker], images: Images, first: Record, each: int) -> ClassGallery:
    strips: list[Strip] = []
    if images.real is not None:
        shown = images.real.some(label, each)
        strips.append(
            Strip("Real images of the data set", "real", None, _real_tiles(shown, label, "Real", images.draw))
        )
    tuned: dict[int, Strip] = {}
    for maker in known:
        shots = images.shots(maker, label)
        if shots and maker.shots not in tuned:
            title = f"Shots: {len(shots)} real images, fold {maker.record.protocol.fold}"
            tuned[maker.shots] = Strip(
                title, "shots", maker.shots, _real_tiles(shots[:each], label, "Shot of", images.draw)
            )
    strips += tuned.values()
    for maker in known:
        made, why = images.of(maker, label, each)
        strips.append(
            Strip(
                maker.title,
                "synthetic",
                maker.shots,
                tuple(_made_tile(one, maker, label, images.draw) for one in made),
                why,
            )
        )
    pairs, said = _copying(label, known, images)
    return ClassGallery(label, first.dataset.classes.get(label, 0), tuple(strips), said, pairs)


def _real_tiles(images: Sequence[RealImage], label: str, word: str, draw: Draw) -> tuple[Tile, ...]:
    tiles = []
    for number, image in enumerate(images, 1):
        pixels = _read(image.file)
        if pixels is not None:
            tiles.append(draw(pixels, f"{word} {label}, {number} of {len(images)}", f"{word} {label}: {image.path}"))
    return tuple(tiles)


def _read(file: Path) -> NDArray[np.uint8] | None:
    try:
        return decode_image(file)
    except BadImage:
        return None


def _made_tile(made: Made, maker: Maker, label: str, draw: Draw) -> Tile:
    words = f"Synthetic {label}, image {made.index} of {maker.title}"
    return draw(made.pixels, words, words)


def _copying(
    label: str, known: Sequence[Maker], images: Images
) -> tuple[tuple[tuple[Tile, Tile, str], ...], tuple[str, ...]]:
    """The closest pairs of a class, and what the test for copies said, a line a generator."""
    shown: list[tuple[Tile, Tile, str]] = []
    said = []
    for maker in known:
        for fidelity in maker.record.fidelity[:1]:
            of_class = fidelity.classes.get(label)
            copying = of_class.copying if of_class else None
            if copying is None:
                continue
            said.append(f"{maker.title}: {copying.get('verdict', '')}")
            pairs = sorted(
                copying.get("pairs", ()), key=lambda pair: (pair.get("space") != "pixels", pair.get("distance", 2))
            )
            shown += _pairs(pairs[: PAIRS // max(1, len(known))], maker, label, images)
    return tuple(shown), tuple(said)


def _pairs(
    pairs: Sequence[Mapping[str, object]], maker: Maker, label: str, images: Images
) -> list[tuple[Tile, Tile, str]]:
    found = []
    for pair in pairs:
        index, shot = index_of(pair), images.real and images.real.of_path(str(pair.get("shot")))
        made = None if index is None or not shot else images.one(maker, label, index)
        pixels = _read(shot.file) if shot else None
        if made is None or pixels is None or not shot:
            continue
        distance = pair.get("distance")
        near = f"{distance:.3f} in {pair.get('space')}" if isinstance(distance, float | int) else ""
        turned = pair.get("transform")
        if turned in TRANSFORMS:
            pixels = np.asarray(transform(pixels, str(turned)), dtype=np.uint8)
            near = f"{near}, {turned}"
        words = f"Shot of {label} nearest to image {made.index} of {maker.title}: {near}"
        shown = images.draw(pixels, words, f"{words} ({shot.path})")
        found.append((_made_tile(made, maker, label, images.draw), shown, near))
    return found


def sources_of(group: Group, store: Path | None) -> list[Source]:
    """The store of each folder behind a section, then their packs; ``store`` is one the user named."""
    stores = [
        StoreSource(root)
        for root in ([store] if store else [folder / "store" for folder in group.folders])
        if root.is_dir()
    ]
    packs = [pack for pack in map(PackSource, group.folders) if pack]
    return [*stores, *packs]
