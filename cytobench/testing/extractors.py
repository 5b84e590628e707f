"""The checks of extractors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cytobench.config.options import extractor_config, extractor_title
from cytobench.contract import ExtractorSpec, PluginConfig, Ran
from cytobench.images import Images
from cytobench.testing.checks import LOADS, Check, require
from cytobench.testing.conduct import conduct, revision
from cytobench.testing.options import OPTIONS
from cytobench.testing.subject import Offered, Place, Stage
from cytobench.testing.target import Target, spec_of
from cytobench.testing.toy import LABELS, Cropped, rows

Features = NDArray[np.float32]

SAME = 1e-3
"""How far other images may move a feature, as a share of the largest feature of all."""


class ExtractorSubject(Offered):
    """An extractor with the features of toy images."""

    spec: ExtractorSpec

    def __init__(self, target: Target, place: Place) -> None:
        self.spec = spec_of(target)
        super().__init__(target, place)

    def configured(self, values: Mapping[str, Any], preset: str | None = None) -> tuple[PluginConfig, ...]:
        """The configuration."""
        return (extractor_config(self.spec, preset or self.target.preset, values),)

    @cached_property
    def images(self) -> Images:
        """Four images of each class."""
        return self.gallery.images(rows(LABELS, range(4)))

    @contextmanager
    def opened(self, out: Path | None = None) -> Iterator[Any]:
        """An opened extractor, closed at the end."""
        opened = self.make().open(self.context(out or self.new_folder("open")))
        try:
            yield opened
        finally:
            opened.close()

    def features(self, images: Images) -> Features:
        """Features of these images from a newly opened extractor."""
        with self.opened() as opened:
            return right(opened.features(images), images)

    @cached_property
    def usual(self) -> Features:
        """The features of the usual images."""
        return self.features(self.images)

    def use(self, stage: Stage) -> None:
        """Open, extract, close."""
        with stage("extract") as out, self.opened(out) as opened:
            opened.features(self.images)


def right(features: Any, images: Images) -> Features:
    """Features that are as the contract has them; :class:`~cytobench.testing.checks.Failed` for others."""
    require(isinstance(features, np.ndarray), f"features are a {type(features).__name__}, no array")
    shaped = features.ndim == 2 and len(features) == len(images) and features.shape[1] > 0
    fits = features.dtype == np.float32 and shaped
    require(fits, f"features are {features.dtype} {features.shape}; they must be float32 ({len(images)}, d)")
    require(bool(np.isfinite(features).all()), "features are not all finite")
    result: Features = features
    return result


def loads(subject: ExtractorSubject) -> None:
    """The object can be made, and the title of tables filled in."""
    extractor_title(subject.spec, subject.configs[0])
    require(callable(getattr(subject.make(), "open", None)), f"{subject.spec.factory} has no method open")


def features(subject: ExtractorSubject) -> None:
    """Type, shape and values, and what ran."""
    with subject.opened() as opened:
        ran = getattr(opened, "ran", None)
        require(isinstance(ran, Ran), f"the extractor's ran is {ran!r}; it must be a Ran, for tables show it")
        right(opened.features(subject.images), subject.images)


def sizes(subject: ExtractorSubject) -> None:
    """Images of three sizes in one call."""
    pixels = list(subject.images.pixels)
    pixels[1], pixels[2] = Cropped(pixels[1], 48, 40), Cropped(pixels[2], 20, 64)
    features = subject.features(replace(subject.images, pixels=pixels))
    width = subject.usual.shape[1]
    require(features.shape[1] == width, f"images of other sizes have {features.shape[1]} features, not {width}")


def apart(subject: ExtractorSubject) -> None:
    """Features of different images."""
    alike = len(subject.usual) - len(np.unique(subject.usual, axis=0))
    require(alike == 0, f"{alike} of {len(subject.usual)} images have the features of another one")


def same_seed(subject: ExtractorSubject) -> None:
    """Opened and asked once more."""
    by = float(np.abs(subject.features(subject.images) - subject.usual).max())
    require(by == 0, f"opened twice: features differ by up to {by:.2g}")


def batch(subject: ExtractorSubject) -> None:
    """Images alone, and backwards."""
    count = len(subject.images)
    _near(subject, subject.features(subject.images.take(range(count)[::-1]))[::-1], "in another order")
    alone = [subject.features(subject.images.take([row])) for row in range(0, count, 4)]
    _near(subject, np.concatenate(alone), f"alone instead of among {count}", slice(0, count, 4))


def _near(subject: ExtractorSubject, features: Features, how: str, which: slice = slice(None)) -> None:
    by = float(np.abs(features - subject.usual[which]).max())
    require(by <= SAME * float(np.abs(subject.usual).max()), f"features differ by up to {by:.2g} {how}")


def words(subject: ExtractorSubject) -> None:
    """The same pixels under other labels and prompts."""
    images = subject.images
    other = replace(images, table=images.table.assign(label=images.labels[0], prompt="something else"))
    by = float(np.abs(subject.features(other) - subject.usual).max())
    require(by == 0, f"under other labels and prompts features differ by up to {by:.2g}")


def other_process(subject: ExtractorSubject) -> None:
    """Opened in another process."""
    elsewhere = subject.elsewhere("extract", {})
    require(elsewhere == digest(subject), "the features are others in another process")


def extract_elsewhere(subject: ExtractorSubject) -> str:
    """The errand behind it: the digest of the usual features."""
    return digest(subject)


def digest(subject: ExtractorSubject) -> str:
    """SHA-256 of the usual features."""
    return hashlib.sha256(subject.usual.tobytes()).hexdigest()


_after = partial(Check, needs=("features",))

CHECKS = (
    Check(LOADS, "the factory, the options and the weights can be loaded, and the object made", loads),
    *OPTIONS,
    Check("features", "features are finite float32 (images, d), and it says what ran", features),
    _after("sizes", "images of several sizes can be asked for at once and have as many features", sizes),
    _after("apart", "different images have different features", apart),
    _after("same-seed", "opened again it gives the same features", same_seed),
    _after("batch", "an image's features do not depend on the images beside it, nor on their order", batch),
    _after("words", "labels and prompts change nothing", words, needs=("same-seed",)),
    _after("other-process", "another process gives the same features", other_process, needs=("same-seed",)),
    *conduct("features"),
    revision(digest, "same-seed"),
)
ERRANDS = {"extract": extract_elsewhere}
