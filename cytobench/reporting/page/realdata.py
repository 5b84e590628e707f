"""The real images behind records, where a page may show them and the data set is here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cytobench.config.benchmark import make_benchmark
from cytobench.config.resolve import declared_dataset
from cytobench.data.dataset import Dataset
from cytobench.errors import CytobenchError, option
from cytobench.plugins import Plugins, load_plugins
from cytobench.reporting.page.sources import RealImages
from cytobench.storage.records import Record


@dataclass(frozen=True)
class RealData:
    """The real images of a data set, or why none are shown."""

    images: RealImages | None
    why_none: str = ""
    allowed: bool = False
    """Whether the user allows images of patients."""


class RealDataSets:
    """Opens each data set once. ``allowed`` is the user's word that images of patients may be shown."""

    def __init__(self, allowed: bool, load: Callable[[], Plugins] = load_plugins) -> None:
        self._allowed = allowed
        self._load = load
        self._plugins: Plugins | None = None
        self._opened: dict[tuple[str, str], RealData] = {}

    def of(self, record: Record) -> RealData:
        """The real images of a record's data set."""
        key = str(record.benchmark.get("dataset")), record.dataset.digest
        if key not in self._opened:
            self._opened[key] = self._find(record)
        return self._opened[key]

    def _find(self, record: Record) -> RealData:
        named = record.benchmark.get("dataset")
        if not isinstance(named, str):
            return RealData(None, "the records do not say where the data set lies")
        if self._plugins is None:
            self._plugins = self._load()
        offer = self._plugins.datasets.get(named)
        # A record may say of itself what it likes; that images are public is the word of the installed plugin.
        if not self._allowed and not (offer is not None and offer.spec.public):
            return RealData(None, f"they are not shown without {option('with_real_images')}")
        try:
            dataset = declared_dataset(make_benchmark(record.benchmark, "the record"), self._plugins)
        except CytobenchError as error:
            return RealData(None, f"the data set cannot be opened here: {str(error).splitlines()[0]}", self._allowed)
        if dataset.digest != record.dataset.digest:
            return RealData(None, f"{named} holds other images than the records are of", self._allowed)
        return RealData(_images(dataset), allowed=self._allowed)


def _images(dataset: Dataset) -> RealImages:
    table = dataset.table[["path", "label", "digest"]].astype(str)
    return RealImages(dataset.root, list(table.itertuples(index=False, name=None)))
