"""Images to compare, from a folder of classes, a flat folder of images, or a manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cytobench._home import expanded
from cytobench.data.dataset import Dataset, from_listing
from cytobench.data.folder import list_flat
from cytobench.data.open import list_path
from cytobench.errors import UserError, option
from cytobench.images import Images, View
from cytobench.pipeline.fidelity.part import Part


@dataclass(frozen=True)
class Collection:
    """What a user named: its images, and the labels in order, none for a flat folder."""

    source: str
    root: Path
    part: Part
    classes: tuple[str, ...]


def open_collection(path: Path, parameter: str, view: View, cache: Path) -> Collection:
    """The images at ``path``, decoded once; their digests are kept in ``cache``. ``parameter`` is for messages.

    Raises UserError where nothing is there, where it holds no images, and for images that cannot be used.
    """
    place = expanded(path)
    if not place.exists():
        raise UserError(f"{option(parameter, path)}: there is no such folder or manifest.")
    flat = list_flat(place) if place.is_dir() else None
    dataset = from_listing(flat if flat is not None else list_path(str(place), {}), cache)
    return _collection(str(path), dataset, view, () if flat is not None else dataset.labels)


def _collection(source: str, dataset: Dataset, view: View, classes: tuple[str, ...]) -> Collection:
    table = dataset.table
    no_prompts = dict.fromkeys(dataset.labels, "")
    shown = table[["label"]].assign(prompt="", synthetic=False)
    pixels = [dataset.pixels(row) for row in range(len(table))]
    groups = table["group"].astype(object).where(table["group"].notna(), None)
    part = Part(
        images=Images(shown, dataset.labels, no_prompts, pixels, view),
        digests=list(table["digest"]),
        groups=list(groups),
        names=list(table["path"]),
    )
    return Collection(source, dataset.root, part, classes)


def refuse_other_classes(real: Collection, other: Collection, parameter: str, some: bool = False) -> None:
    """Raise UserError unless both sides have the same classes, or both have none; with ``some`` it may lack classes."""
    if set(real.classes) == set(other.classes):
        return
    if some and other.classes and set(other.classes) <= set(real.classes):
        return
    one_class = "To compare one class alone, name the folder of that class on both sides."
    if not real.classes or not other.classes:
        with_classes, flat = (real, other) if real.classes else (other, real)
        raise UserError(
            f"{option(parameter, other.source)}: {with_classes.source} has folders of classes and {flat.source} is "
            f"one flat folder. {one_class}"
        )
    missing, more = set(real.classes) - set(other.classes), set(other.classes) - set(real.classes)
    parts = [
        f"{what} {', '.join(sorted(labels))}" for what, labels in (("lacks", missing), ("has besides", more)) if labels
    ]
    differences = " and ".join(parts)
    raise UserError(f"{option(parameter, other.source)}: compared with {real.source} it {differences}. {one_class}")
