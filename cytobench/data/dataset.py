"""Data sets read from their files: images decoded once, or measured. The type is defined where plugins begin."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cytobench._dataset import Dataset as Dataset
from cytobench.data.digests import ImageFacts, read_digests
from cytobench.data.listing import Listing, other_names
from cytobench.data.quality.optics import Optics
from cytobench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


def undecoded(listing: Listing) -> Dataset:
    """A data set whose images are not decoded: an image's path stands for its digest, so that copies are not seen."""
    return Dataset(
        name=listing.name,
        root=listing.root,
        table=listing.table.assign(digest=listing.table["path"]),
        labels=listing.labels,
        codes=other_names(listing.labels),
        prompts=listing.prompts,
        padding=listing.padding,
        findings=listing.findings,
    )


def from_listing(listing: Listing, cache: Path, anew: bool = False) -> Dataset:
    """Decode every image (or find its digest in ``cache``, unless ``anew``) and build the data set.

    Raises UserError that lists every image that cannot be used.
    """
    return _digested(undecoded(listing), cache, anew)


def decoded_anew(dataset: Dataset, cache: Path) -> Dataset:
    """The same with every image decoded again, whatever ``cache`` remembers of it; it then remembers what was found.

    Raises UserError that lists every image that cannot be used.
    """
    return _digested(dataset, cache, anew=True)


def measured(dataset: Dataset, cache: Path) -> pd.DataFrame:
    """The table of a data set with the measures of :class:`~cytobench.data.quality.optics.Optics` as further columns.

    Images are decoded, or found in ``cache``. Raises UserError that lists every image that cannot be used.
    """
    facts = _read(dataset, cache, anew=False)
    measures = [field.name for field in fields(Optics)]
    return dataset.table.assign(**{name: [getattr(fact.optics, name) for fact in facts] for name in measures})


def _digested(dataset: Dataset, cache: Path, anew: bool) -> Dataset:
    return replace(dataset, table=dataset.table.assign(digest=[fact.digest for fact in _read(dataset, cache, anew)]))


def _read(dataset: Dataset, cache: Path, anew: bool) -> list[ImageFacts]:
    """What is known of each image, in the table's order."""
    paths = list(dataset.table["path"])
    facts, bad = read_digests(dataset.root, paths, cache, anew)
    if bad:
        lines = "\n".join(f"  {path}: {reason}" for path, reason in sorted(bad.items()))
        images = "1 image" if len(bad) == 1 else f"{len(bad)} images"
        raise UserError(f"{dataset.root}: {images} cannot be used; repair them or take them out:\n{lines}")
    return [facts[path] for path in paths]
