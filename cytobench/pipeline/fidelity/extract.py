"""Features of images: each image goes once through an extractor, whoever asks and however often."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cytobench._keys import content_key
from cytobench.assets import refuse_changes
from cytobench.config.grid import ReadyExtractor
from cytobench.config.options import extractor_config, extractor_title
from cytobench.config.requirements import find_needs
from cytobench.context import Context, untimed
from cytobench.contract import OpenedExtractor, Ran
from cytobench.errors import CytobenchError
from cytobench.images import Images, View
from cytobench.metrics.copying.pixels import TRANSFORMS, transform
from cytobench.pipeline.fidelity.cache import FeatureCache
from cytobench.plugins import Plugins
from cytobench.plugins.factory import make

_CHUNK = 256
"""Images between two writes of the cache, so that a stopped extraction goes on near where it was."""

_TURNED_CHUNK = 64
"""The same where images are turned: they are decoded once, and held for all eight."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ExtractorUsed:
    """What features come from: ``dimension`` is how many an image has, ``weights_digest`` SHA-256 in hex."""

    name: str
    plugin: str
    distribution: str
    """Whose plugin it is, with its version."""
    built_in: bool
    revision: int
    weights_digest: str | None
    dimension: int
    ran: Ran


def ready_extractor(name: str, values: Mapping[str, Any], plugins: Plugins, preset: str) -> ReadyExtractor:
    """Find an extractor, validate its options and locate its weights.

    Raises UserError for an unknown name, for an option that does not fit, and for weights that cannot be had.
    """
    offer = plugins.extractor(name)
    config = extractor_config(offer.spec, preset, values, offer.distribution)
    title = offer.titled(name, extractor_title(offer.spec, config))
    return ReadyExtractor(offer, title, config, find_needs(config, name))


@dataclass
class FeatureReader:
    """Features of images by one extractor, kept in ``folder`` between runs; made by :func:`reading`.

    ``extracted`` counts the passes through the extractor (a turned image is one more), which is opened for the first.
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
        return self._cached(
            self._cache(images.view), pixel_digests, _CHUNK, lambda rows: self._extract(images.take(rows))
        )

    def symmetric_features(self, images: Images, pixel_digests: Sequence[str]) -> NDArray[np.float32]:
        """The mean of an image's features over its eight flips and rotations, so that a turned copy has the same.

        As :meth:`features`, which the image as it is goes through; the other seven pass once each, and the mean is
        kept. The view may not depend on an image's position.
        """
        upright = dict(zip(pixel_digests, self.features(images, pixel_digests), strict=True))

        def extract(rows: Sequence[int]) -> tuple[NDArray[np.float32], Ran]:
            shown = images.take(rows)
            decoded = [shown[i] for i in range(len(rows))]
            total = np.stack([upright[pixel_digests[row]] for row in rows]).astype(np.float64)
            for name in TRANSFORMS[1:]:
                turned = [_Decoded(np.ascontiguousarray(transform(image, name))) for image in decoded]
                features, ran = self._extract(replace(shown, pixels=turned, view=View()))
                total += features
            return (total / len(TRANSFORMS)).astype(np.float32), ran

        return self._cached(self._cache(images.view, symmetric=True), pixel_digests, _TURNED_CHUNK, extract)

    def used(self, view: View) -> ExtractorUsed:
        """What the features of images with this view come from. Raises CytobenchError before any were asked for."""
        cache, offer = self._cache(view), self.extractor.offer
        spec = offer.spec
        if cache.ran is None:
            raise CytobenchError(f"no image went through the extractor {spec.name} yet.")
        return ExtractorUsed(
            name=self.extractor.name,
            plugin=spec.name,
            distribution=offer.distribution,
            built_in=offer.built_in,
            revision=spec.revision,
            weights_digest=self.extractor.weights_digest,
            dimension=cache.dimension,
            ran=cache.ran,
        )

    def close(self) -> None:
        """Free the extractor, if it was opened."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _cached(
        self,
        cache: FeatureCache,
        pixel_digests: Sequence[str],
        chunk: int,
        extract: Callable[[Sequence[int]], tuple[NDArray[np.float32], Ran]],
    ) -> NDArray[np.float32]:
        """Features in the order of the digests; those that the cache lacks are extracted by row, a chunk at a time."""
        first = {digest: row for row, digest in reversed(list(enumerate(pixel_digests)))}
        todo = sorted(row for digest, row in first.items() if digest not in cache.features)
        for start in range(0, len(todo), chunk):
            rows = todo[start : start + chunk]
            features, ran = extract(rows)
            cache.add([pixel_digests[row] for row in rows], features, ran)
            self.progress(start + len(rows), len(todo))
        if not pixel_digests:
            return np.zeros((0, cache.dimension), dtype=np.float32)
        vectors = [cache.features[digest] for digest in pixel_digests]
        if len({vector.shape for vector in vectors}) > 1:
            raise CytobenchError(f"extractor {self.extractor.name} gave features of different lengths.")
        return np.stack(vectors)

    def _cache(self, view: View, symmetric: bool = False) -> FeatureCache:
        inputs = self.extractor.inputs(view)
        if symmetric:
            inputs["mean_over"] = list(TRANSFORMS)
        key = content_key("extractor", inputs)
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
                assets=self.extractor.needs.assets,
                time=self.time,
            )
            offer = self.extractor.offer
            title = f"{offer.spec.name} ({offer.distribution})"
            self._opened = make(offer.spec.factory, (self.extractor.config,), title).open(context)
            refuse_changes(self.extractor.needs.assets)
        assert self._opened is not None
        features = self._opened.features(images)
        _check_features(features, len(images), self.extractor.name)
        self.extracted += len(images)
        return features, self._opened.ran


def _check_features(values: object, n_images: int, name: str) -> None:
    """Raise CytobenchError unless an extractor gave what the contract asks for."""
    if not isinstance(values, np.ndarray) or values.dtype != np.float32 or values.ndim != 2 or not values.shape[1]:
        raise CytobenchError(f"extractor {name} must give features as float32 (n, d).")
    if len(values) != n_images:
        raise CytobenchError(f"extractor {name} was asked for {n_images} images and gave features of {len(values)}.")
    if not np.isfinite(values).all():
        raise CytobenchError(f"extractor {name} gave features that are no finite numbers.")


@dataclass(frozen=True)
class _Decoded:
    """An image that is there already."""

    image: NDArray[np.uint8]

    def read(self) -> NDArray[np.uint8]:
        """The image, RGB uint8 (height, width, 3)."""
        return self.image


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
