"""What a run has made and its store still holds: the image sets and artefacts behind its records."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from cytobench._text import did_you_mean
from cytobench.analysis.leaderboard.fidelity import found_in
from cytobench.errors import UserError, option
from cytobench.metrics.copying.model import CLOSER
from cytobench.storage.image_sets import IMAGES, ImageSet
from cytobench.storage.records import GeneratorUsed, Record, read_records
from cytobench.storage.stage_kind import StageKind
from cytobench.storage.store import MANIFEST, Store

_KEY = re.compile(r"[0-9a-f]{64}")
"""A content address; a record may say anything else, and no other text may become a part of a path."""


@dataclass(frozen=True)
class FoldImages:
    """A generator's images of one fold, by class, with how many the run used; its artefacts, by class."""

    store: Store
    record: Record
    generator: GeneratorUsed
    images: dict[str, tuple[ImageSet, int]]
    artefacts: dict[str, Path]
    """Empty for a generator that is not tuned; ``""`` for one artefact of all classes."""
    why_real: str
    """Why the images are, or may be, real ones; empty where nothing says so."""
    copies: dict[str, frozenset[int]]
    """By class the numbers of those that equal or nearly equal a real one; empty where nothing says so."""

    def numbers(self, label: str, with_copies: bool) -> list[int]:
        """The numbers of a class's images, with or without those that copy a real one."""
        copies = frozenset() if with_copies else self.copies.get(label, frozenset())
        return [number for number in range(self.images[label][1]) if number not in copies]

    @property
    def keys(self) -> list[str]:
        """What its images are: folds with the same share them."""
        return [images.folder.name for images, _ in self.images.values()]


def kept_images(
    folder: Path,
    generator: str,
    *,
    store: Path | None = None,
    shots: int | None = None,
    fold: Collection[int] = (),
    label: str | None = None,
) -> list[FoldImages]:
    """What the store (default: ``folder/store``) has of a generator, by fold, of the run's first seed.

    Of each fold the most images that a row of it used. Raises UserError where a name is not there, where rows of
    several shot counts are and ``shots`` does not choose, and where the store lacks an image.
    """
    named = _of_generator(read_records([folder]), generator, folder)
    counts = sorted({record.shots for record in named})
    if shots is None and len(counts) > 1:
        raise UserError(f"{generator} ran with {_list(counts)} shots. Choose with {option('shots')}.")
    if shots is not None and shots not in counts:
        raise UserError(f"{option('shots', shots)}: {generator} ran with {_list(counts)} shots.")
    chosen = [record for record in named if shots in (None, record.shots)]
    seeds = {record.seed for record in chosen if record.seed is not None}
    chosen = [record for record in chosen if record.seed == min(seeds)]
    recorded = {record.protocol.fold for record in chosen}
    absent = sorted(set(fold) - recorded)
    if absent:
        raise UserError(f"{option('fold', absent[0])}: on record are folds {_list(sorted(recorded))}.")
    opened = Store(store or folder / "store")
    return [
        _fold(max((record for record in chosen if record.protocol.fold == number), key=_most), opened, label)
        for number in sorted(set(fold) or recorded)
    ]


def _most(record: Record) -> int:
    return record.n_synthetic


def _of_generator(records: Sequence[Record], generator: str, folder: Path) -> list[Record]:
    named = [record for record in records if record.generator and record.generator.name == generator]
    names = sorted({record.generator.name for record in records if record.generator})
    argument = option("generator", generator)
    if not named:
        hint = did_you_mean(generator, names)
        raise UserError(f"{argument}: {folder} has none of this name.{hint} It has {_list(names)}.")
    done = [record for record in named if record.status == "done"]
    if not done:
        raise UserError(f"{argument}: all its trials in {folder} failed.")
    return done


def _fold(record: Record, store: Store, label: str | None) -> FoldImages:
    generator = record.generator
    assert generator is not None  # that is how it was found
    labels = record.dataset.labels
    if label is not None and label not in labels:
        hint = did_you_mean(label, labels)
        raise UserError(
            f"{option('label', label)}: no class of {record.dataset.name}.{hint} Classes: {_list(labels)}."
        )
    labels = labels if label is None else (label,)
    _refuse_keys(record)
    sampled = [stage for stage in record.stages if stage.kind == StageKind.SAMPLE]
    samples = {stage.label: stage.key for stage in sampled if stage.label in labels}
    block = int(generator.sample_config["batch_size"])
    images = {}
    for name in (known for known in labels if known in samples):
        image_set = ImageSet(store.folder(IMAGES, samples[name]), block)
        images[name] = image_set, _count_whole(image_set, record.n_synthetic, name, store)
    fits = {
        stage.label or "": stage.key
        for stage in record.stages
        if stage.kind == StageKind.FIT and (stage.label or "") in ("", *labels)
    }
    artefacts = {name: store.folder(StageKind.FIT, key) for name, key in fits.items()}
    copies = {} if record.copies is None else {name: of.numbers for name, of in record.copies.classes.items()}
    return FoldImages(
        store=store,
        record=record,
        generator=generator,
        images=images,
        artefacts=artefacts,
        why_real=_why_real(record, generator, images, artefacts),
        copies={name: numbers for name, numbers in copies.items() if numbers and name in images},
    )


def _refuse_keys(record: Record) -> None:
    for stage in record.stages:
        if stage.kind in (StageKind.FIT, StageKind.SAMPLE) and not _KEY.fullmatch(stage.key):
            raise UserError(f"{record.trial}: the stage key {stage.key!r} is no content address. Run again.")


def _why_real(
    record: Record, generator: GeneratorUsed, images: dict[str, tuple[ImageSet, int]], artefacts: dict[str, Path]
) -> str:
    if record.gives_back_shots:
        what = f"gives back {generator.images_are}" if generator.images_are else "is a control that was given shots"
        return f"{generator.name} {what}"
    if record.made_elsewhere != "no":
        return "its images or weights were made outside the run"
    tests = [used.total.copying for used in record.fidelity if used.total.copying is not None]
    if any(found_in(test) for test in tests):
        return f"they are {CLOSER}"
    if record.copies is not None:
        return ""  # those that copy a real image are known one by one
    if any(test.get("near_copies") for test in tests):
        return "near-copies of the shots were found among them"
    if not artefacts:
        return ""
    shots = [_shots_of(folder) for folder in artefacts.values()]
    if not all(shots):
        return "what the generator was tuned on is not in the store, so that copies could not be told"
    known = set().union(*shots)
    same = any(not known.isdisjoint(image_set.digests(n)) for image_set, n in images.values())
    return "the very pixels of a shot are among them" if same else ""


def _shots_of(fit: Path) -> set[str]:
    """The pixel digests of the shots of a fit; none where it is not here."""
    try:
        inputs = json.loads((fit / MANIFEST).read_text())["inputs"]
        return {str(digest) for _, digest in inputs["shots"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _count_whole(images: ImageSet, most: int, label: str, store: Store) -> int:
    """How many images there are, up to ``most``: where a protocol tops classes up, some need fewer."""
    lacking = images.missing(most)
    count = min(lacking) * images.block if lacking else most
    if not count:
        raise UserError(
            f"{option('store', store.root)} does not hold the images of {label}, or they are damaged. Name the run's "
            f"store, or make them again: `cytobench run` with the same settings and {option('rebuild', True)}."
        )
    return min(count, most)


def _list(values: Sequence[object]) -> str:
    return ", ".join(str(value) for value in values) or "none"
