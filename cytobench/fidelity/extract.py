"""Features of images: each image goes once through an extractor, whoever asks and however often."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cytobench.assets import Asset, digests, resolve_asset
from cytobench.configure import extractor_config, extractor_title, outcome
from cytobench.context import Context, untimed
from cytobench.contract import ExtractorSpec, OpenedExtractor, PluginConfig, Ran
from cytobench.errors import CytobenchError
from cytobench.fidelity.cache import FeatureCache
from cytobench.images import Images, View
from cytobench.keys import content_key
from cytobench.lazy import load
from cytobench.plugins import Offer, Plugins

_CHUNK = 256
"""Images between two writes of the cache, so that a stopped extraction goes on near where it was."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ReadyExtractor:
    """An extractor with its configuration and resolved weights; ``name`` is what tables show."""

    offer: Offer[ExtractorSpec]
    name: str
    config: PluginConfig
    assets: Mapping[str, Asset]

    @property
    def weights_digest(self) -> str | None:
        """SHA-256 in hex of the weights; of several, one over theirs; None without weights."""
        found = digests(self.assets)
        return content_key("weights", found) if len(found) > 1 else next(iter(found.values()), None)

    def inputs(self, view: View) -> dict[str, Any]:
        """All that decides an image's features besides its pixels."""
        spec = self.offer.spec
        return {
            "extractor": spec.name,
            "revision": spec.revision,
            "config": outcome(self.config),
            "assets": digests(self.assets),
            "view": asdict(view),
        }


@dataclass(frozen=True)
class ExtractorUsed:
    """What features come from: ``dimension`` is how many an image has, ``weights_digest`` SHA-256 in hex."""

    name: str
    plugin: str
    revision: int
    weights_digest: str | None
    dimension: int
    ran: Ran


def ready_extractor(name: str, values: Mapping[str, Any], plugins: Plugins, preset: str) -> ReadyExtractor:
    """Find an extractor, validate its options and locate its weights.

    Raises UserError for an unknown name, for an option that does not fit, and for weights that cannot be had.
    """
    offer = plugins.extractor(name)
    config = extractor_config(offer.spec, preset, values)
    assets = {key: resolve_asset(reference, f"{name}.{key}") for key, reference in config.assets().items()}
    return ReadyExtractor(offer, extractor_title(offer.spec, config), config, assets)


@dataclass
class FeatureReader:
    """Features of images by one extractor, kept in ``folder`` between runs; made by :func:`reading`.

    ``extracted`` counts the images that went through the extractor, which is opened for the first of them.
    """

    extractor: ReadyExtractor
    folder: Path
    device: str
    scratch: Path
    progress: Progress = lambda done, total: None
    time: Callable[[str], AbstractContextManager[None]] = untimed
    extracted: int = 0
    _opened: OpenedExtractor | None = None
    _caches: dict[str, FeatureCache] = field(default_factory=dict)

    def features(self, images: Images, pixel_digests: Sequence[str]) -> NDArray[np.float32]:
        """Features float32 (n, d) in the order of the images; ``pixel_digests`` are of their pixels before the view.

        Raises CytobenchError where the extractor gives something else.
        """
        cache = self._cache(images.view)
        first = {digest: row for row, digest in reversed(list(enumerate(pixel_digests)))}
        todo = sorted(row for digest, row in first.items() if digest not in cache.found)
        for start in range(0, len(todo), _CHUNK):
            rows = todo[start : start + _CHUNK]
            found, ran = self._extract(images.take(rows))
            cache.add([pixel_digests[row] for row in rows], found, ran)
            self.progress(start + len(rows), len(todo))
        rows_found = [cache.found[digest] for digest in pixel_digests]
        if len({row.shape for row in rows_found}) > 1:
            raise CytobenchError(f"extractor {self.extractor.name} gave features of different lengths.")
        return np.stack(rows_found)

    def used(self, view: View) -> ExtractorUsed:
        """What the features of images with this view come from. Raises CytobenchError before any were asked for."""
        cache, spec = self._cache(view), self.extractor.offer.spec
        if cache.ran is None:
            raise CytobenchError(f"no image went through the extractor {spec.name} yet.")
        dimension = len(next(iter(cache.found.values())))
        digest = self.extractor.weights_digest
        return ExtractorUsed(self.extractor.name, spec.name, spec.revision, digest, dimension, cache.ran)

    def close(self) -> None:
        """Free the extractor, if it was opened."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _cache(self, view: View) -> FeatureCache:
        key = content_key("extractor", self.extractor.inputs(view))
        if key not in self._caches:
            self._caches[key] = FeatureCache(self.folder / key[:2] / key)
            self._caches[key].read()
        return self._caches[key]

    def _extract(self, images: Images) -> tuple[NDArray[np.float32], Ran]:
        if self._opened is None:
            context = Context(
                seed=0,
                device=self.device,
                dtype="float32",
                out=self.scratch,
                assets=self.extractor.assets,
                time=self.time,
            )
            self._opened = load(self.extractor.offer.spec.factory)(self.extractor.config).open(context)
        assert self._opened is not None
        found = self._opened.features(images)
        name = self.extractor.name
        if not isinstance(found, np.ndarray) or found.dtype != np.float32 or found.ndim != 2 or not found.shape[1]:
            raise CytobenchError(f"extractor {name} must give features as float32 (n, d).")
        if len(found) != len(images):
            counts = f"{len(images)} images and gave features of {len(found)}"
            raise CytobenchError(f"extractor {name} was asked for {counts}.")
        if not np.isfinite(found).all():
            raise CytobenchError(f"extractor {name} gave features that are no finite numbers.")
        self.extracted += len(images)
        return found, self._opened.ran


@contextmanager
def reading(
    extractor: ReadyExtractor,
    folder: Path,
    device: str,
    progress: Progress = lambda done, total: None,
    time: Callable[[str], AbstractContextManager[None]] = untimed,
) -> Iterator[FeatureReader]:
    """A reader of features that keeps them in ``folder``; the extractor is closed at the end.

    ``progress`` hears of images done and to do, ``time`` of parts of the time, as :class:`~cytobench.context.Context`.
    """
    with TemporaryDirectory() as scratch:
        reader = FeatureReader(extractor, folder, device, Path(scratch), progress, time)
        try:
            yield reader
        finally:
            reader.close()
