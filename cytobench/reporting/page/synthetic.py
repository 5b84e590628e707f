"""The synthetic images behind a section, and which of them may be shown: none that would show a real one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from cytobench.metrics.copying.pixels import NEAR_COPY
from cytobench.reporting.page.gather import Group
from cytobench.reporting.page.realdata import RealData
from cytobench.reporting.page.sources import RealImage, Source, StoreSource, SyntheticImage
from cytobench.storage.records import CopiesOfClass, Record
from cytobench.storage.stage_kind import StageKind

_NUMBER = re.compile(r"/(\d{1,9})\.png")


@dataclass(frozen=True)
class ClassSet:
    """The image set of one class: its key, and that of the fit behind it, if there is one."""

    key: str
    fit: str | None


@dataclass(frozen=True)
class ShownGenerator:
    """A generator with its shots, on the first fold that has images."""

    name: str
    shots: int
    record: Record
    sets: Mapping[str, ClassSet]
    """By class."""
    same: tuple[Record, ...] = ()
    """All records that used these images: any of them may tell of near-copies."""

    @property
    def title(self) -> str:
        """``sd21-lora, 16 shots, fold 0``, or ``sd21-lora, tuned elsewhere, fold 0``."""
        tuned = f"{self.shots} shots" if self.shots else "not tuned on shots"
        if self.elsewhere:
            tuned = "tuned elsewhere" if self.shots else "made elsewhere"
        generator = self.record.generator
        what = f" ({generator.images_are})" if generator is not None and generator.images_are else ""
        return f"{self.name}{what}, {tuned}, fold {self.record.protocol.fold}"

    def copies(self, label: str) -> frozenset[int]:
        """The numbers of a class's images that equal or nearly equal a real one, as far as the records say."""
        checked = [of_class for record in self.same if (of_class := _compared(record, label)) is not None]
        named = near_copies(self.same, label) or set()
        return frozenset(named).union(*(of_class.numbers for of_class in checked))

    def checked(self, label: str) -> bool:
        """Whether a class's images were compared with all real ones."""
        return _compared(self.record, label) is not None

    @property
    def of_real(self) -> bool:
        """Whether its images are real ones, or may be: a control's from shots, or made outside the run."""
        return self.record.gives_back_shots or self.elsewhere

    @property
    def elsewhere(self) -> bool:
        """Whether its images or weights come from outside the run: nobody's word on the data set is about them."""
        return self.record.made_elsewhere != "no"


def _compared(record: Record, label: str) -> CopiesOfClass | None:
    return None if record.copies is None else record.copies.classes.get(label)


def shown_generators(group: Group) -> list[ShownGenerator]:
    """The generators of a section, by name and shots; of each the images of its first fold and largest N."""
    chosen: dict[tuple[str, int, str], ShownGenerator] = {}
    records = [
        record for record in group.records if record.generator and record.status == "done" and record.n_synthetic
    ]
    for record in sorted(records, key=lambda each: (each.seed or 0, each.protocol.fold, -each.n_synthetic, each.row)):
        assert record.generator is not None
        # One fit of all classes has no label.
        fits = {stage.label or "": stage.key for stage in record.stages if stage.kind == StageKind.FIT}
        sets = {
            stage.label: ClassSet(stage.key, fits.get(stage.label, fits.get("")))
            for stage in record.stages
            if stage.kind == StageKind.SAMPLE and stage.label
        }
        if sets:
            keys = {of_class.key for of_class in sets.values()}
            same = tuple(other for other in records if keys & {stage.key for stage in other.stages})
            name, settings = record.generator.name, f"{record.generator.fit_config}{record.generator.sample_config}"
            shown = ShownGenerator(name, record.shots, record, sets, same)
            chosen.setdefault((name, record.shots, settings), shown)
    return list(chosen.values())


class SyntheticImages:
    """Reads synthetic images from the first source that has them, and leaves out what would show a real one."""

    def __init__(self, sources: Sequence[Source], real: RealData) -> None:
        self.sources = sources
        self.real = real.images
        self.allowed = real.allowed

    def of_class(self, generator: ShownGenerator, label: str, n: int) -> tuple[list[SyntheticImage], str]:
        """At most n images of a class, and why there are none or fewer."""
        of_class = generator.sets.get(label)
        if of_class is None:
            return [], "no images of this class"
        if generator.elsewhere and not self.allowed:
            return [], "made outside the run: its images may be real ones of anyone, which are not shown"
        if self.real is not None:
            images, _ = self._first(of_class.key, n)
            return images, "" if images else "its images are not here"
        if generator.of_real:
            return [], "its images are, or may be, real ones, which are not shown"
        if not generator.checked(label):
            return self._unchecked(generator, label, of_class, n)
        copies = generator.copies(label)
        images, _ = self._first(of_class.key, n, copies)
        left_out = f"{len(copies)} not shown, for they are copies of real images" if copies else ""
        return images, left_out if images or copies else "its images are not here"

    def _unchecked(
        self, generator: ShownGenerator, label: str, of_class: ClassSet, n: int
    ) -> tuple[list[SyntheticImage], str]:
        """The same of images that were never compared with all real ones: what is known of shots keeps some back."""
        close = near_copies(generator.same, label)
        if close is None:
            return [], "near-copies of real images were found among them, so that they are not shown"
        shots = {digest for _, digest in self._shots(of_class.fit)}
        images, of_store = self._first(of_class.key, n + len(close))
        if images and of_class.fit and of_store and not shots:
            return [], "what it was tuned on is not here, so that copies could not be told"
        shown = [image for image in images if image.digest not in shots and image.index not in close]
        copies = len(images) - len(shown)
        left_out = f"{copies} left out, which copy a real image; " if copies else ""
        if not images:
            return [], "its images are not here"
        return shown[:n], f"{left_out}not checked whether they copy other real images"

    def shots(self, generator: ShownGenerator, label: str) -> list[RealImage]:
        """The shots of a class, as far as the store names them and the data set is open."""
        of_class = generator.sets.get(label)
        if self.real is None or of_class is None:
            return []
        images = [self.real.of_digest(label, digest) for label, digest in self._shots(of_class.fit)]
        return [image for image in images if image is not None]

    def single(self, generator: ShownGenerator, label: str, index: int) -> SyntheticImage | None:
        """One image of a class, by its number."""
        of_class = generator.sets.get(label)
        images = [] if of_class is None else self._first(of_class.key, index + 1)[0]
        return next((image for image in images if image.index == index), None)

    def _first(
        self, key: str, n: int, without: Collection[int] = frozenset()
    ) -> tuple[list[SyntheticImage], bool]:
        """The first images but those of some numbers, and whether they are a store's.

        Those of a pack were looked through when it was made.
        """
        for source in self.sources:
            wanted = (image for image in source.images(key, n + len(without)) if image.index not in without)
            images = list(islice(wanted, n))
            if images:
                return images, isinstance(source, StoreSource)
        return [], False

    def _shots(self, fit: str | None) -> list[tuple[str, str]]:
        if fit is None:
            return []
        stores = [source for source in self.sources if isinstance(source, StoreSource)]
        return next((shots for store in stores if (shots := store.shots(fit))), [])


def near_copies(records: Iterable[Record], label: str) -> set[int] | None:
    """The numbers of a class's images that are near-copies of a shot in pixels, as far as fidelities on record say.

    None where there are more of them than it names.
    """
    named: set[int] = set()
    most = 0
    for fidelity in (used for record in records for used in record.fidelity):
        of_class = fidelity.classes.get(label)
        copying = of_class.copying if of_class else None
        if copying is None:
            continue
        share, n = copying.get("near_copies"), copying.get("n_synthetic", 0)
        most = max(most, round((share or 0) * n))
        for pair in copying.get("pairs", ()):
            number = index_of(pair)
            if pair.get("space") == "pixels" and number is not None and pair.get("distance", 2) <= NEAR_COPY:
                named.add(number)
    return named if len(named) >= most else None


def index_of(pair: Mapping[str, object]) -> int | None:
    """The number of the synthetic image of a pair."""
    number = _NUMBER.search(str(pair.get("synthetic", "")))
    return int(number.group(1)) if number else None
