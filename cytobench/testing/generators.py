"""The checks of generators."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cytobench._keys import content_key, derive_seed
from cytobench.config.options import generator_configs
from cytobench.context import Stopped
from cytobench.contract import GeneratorSpec, PluginConfig, Ran, Request, SampleConfig, Scope
from cytobench.data.open import open_dataset
from cytobench.decode import pixel_digest
from cytobench.errors import UserError
from cytobench.images import Images
from cytobench.pipeline.stages.sample import ClassToSample, SampleStage
from cytobench.pipeline.work import Services, Work
from cytobench.plugins import load_plugins
from cytobench.storage.cache import cache_folder
from cytobench.storage.image_sets import IMAGES, ImageSet
from cytobench.storage.stage_kind import StageKind
from cytobench.storage.store import Store
from cytobench.testing.checks import LOADS, Check, Failed, LeftOut, raised, require
from cytobench.testing.conduct import conduct, revision
from cytobench.testing.options import OPTIONS
from cytobench.testing.subject import SEED, Offered, Place, Stage
from cytobench.testing.target import Target, spec_of
from cytobench.testing.toy import gallery_of

Array = NDArray[np.uint8]

SHOTS = 4
"""Shots of a class for all checks but that of the numbers of shots."""
BLOCK = 4
"""Images are asked for in blocks of at most so many, unless ``batch_size`` is set."""
STEPS = 4
"""Optimiser steps of a fit, as far as a configuration says how to take so few."""
TOLERANCE = 2
"""Grey levels that other images in the batch may move an image by."""


class GeneratorSubject(Offered):
    """A generator with its fits and images."""

    spec: GeneratorSpec

    def __init__(self, target: Target, place: Place) -> None:
        self.spec = spec_of(target)
        super().__init__(target, place)
        if self.spec.datasets:
            self.gallery = gallery_of(self._own_dataset(), place.folder)
        self._fits: dict[tuple[Any, ...], Mapping[str, Path]] = {}

    def configured(self, values: Mapping[str, Any], preset: str | None = None) -> tuple[PluginConfig, ...]:
        """Fit and sample configuration, as short and small as the options allow."""
        preset = preset or self.target.preset
        fit, sample = generator_configs(self.spec, preset, values)
        require(isinstance(sample, SampleConfig), f"{self.spec.sample_config} is no SampleConfig")
        assert isinstance(sample, SampleConfig)
        if fit.optimizer_steps(SHOTS, 1):
            fit = fit.with_steps(STEPS, SHOTS)
        if "batch_size" not in values and sample.batch_size > BLOCK:
            _, sample = generator_configs(self.spec, preset, {**values, "batch_size": BLOCK})
        return fit, sample

    def _own_dataset(self) -> Any:
        """The first installed data set of those that the generator works on."""
        offers = load_plugins().datasets
        for name in self.spec.datasets:
            if name in offers:
                return open_dataset(name, {name: offers[name]}, cache_folder())
        raise UserError(f"{self.spec.name} works on {', '.join(self.spec.datasets)} alone, and none is installed.")

    @property
    def scope(self) -> Scope:
        """What one fit sees."""
        return self.configs[0].fit_scope() or self.spec.scope

    @property
    def block(self) -> int:
        """How many images the host asks for at once."""
        config = self.configs[1]
        assert isinstance(config, SampleConfig)
        return config.batch_size

    @property
    def labels(self) -> tuple[str, str]:
        """The two classes that images are made of."""
        first, second = self.gallery.labels[:2]
        return first, second

    def fitted(self, count: int = SHOTS, first: int = 0, again: int = 0) -> Mapping[str, Path]:
        """The artefacts of fits on shots ``first`` and on; ``again`` makes the same fit once more."""
        key = (count, first, again)
        if key not in self._fits:
            self._fits[key] = self.fit(lambda name: nullcontext(self.new_folder(name)), count, first)
        return self._fits[key]

    def fit(self, stage: Stage, count: int = SHOTS, first: int = 0) -> dict[str, Path]:
        """Fit as the scope says, each fit a stage of its own."""
        if self.scope == "none":
            return {}
        groups = {label: (label,) for label in self.labels} if self.scope == "class" else {"": self.gallery.labels}
        artefacts = {}
        for name, labels in groups.items():
            with stage(f"fit-{name or 'all'}") as out:
                context = self.context(out, seed=derive_seed(SEED, "fit", name))
                self.make().fit(self.shots(labels, count, first), context)
            artefacts[name] = out
        return artefacts

    def shots(self, labels: Sequence[str], count: int, first: int) -> Images:
        """Shots of these classes."""
        return self.gallery.images([(label, i) for label in labels for i in range(first, first + count)])

    def requests(self, label: str, numbers: Sequence[int], seed: int = SEED) -> list[Request]:
        """Requests of these images of a class, as the host makes them."""
        prompt = self.gallery.prompt(label)
        return [Request(label, prompt, i, derive_seed(seed, "image", label, i)) for i in numbers]

    def block_of(self, label: str, number: int, seed: int = SEED) -> list[Request]:
        """The requests of one block."""
        return self.requests(label, range(number * self.block, (number + 1) * self.block), seed)

    @contextmanager
    def sampler(self, artefacts: Mapping[str, Path], out: Path | None = None) -> Iterator[Any]:
        """An opened sampler, closed at the end."""
        context = self.context(out or self.new_folder("sample"), fold=0 if self.spec.per_fold else None)
        sampler = self.make().open(artefacts, context)
        try:
            yield sampler
        finally:
            sampler.close()

    def drawn(self, artefacts: Mapping[str, Path], *batches: Sequence[Request]) -> list[list[Array]]:
        """The images of these batches from one newly opened sampler, in the order of the requests."""
        with self.sampler(artefacts) as sampler:
            return [draw(sampler, batch) for batch in batches]

    def images(self, label: str, number: int) -> list[Array]:
        """A block of the usual artefacts, as a sampler gives it that makes all blocks in order."""
        return self._usual[label, number]

    @cached_property
    def _usual(self) -> dict[tuple[str, int], list[Array]]:
        first, second = self.labels
        wanted = [(first, 0), (first, 1), (second, 0)]
        drawn = self.drawn(self.fitted(), *(self.block_of(*block) for block in wanted))
        return dict(zip(wanted, drawn, strict=True))

    def use(self, stage: Stage) -> None:
        """Fit, open, sample a block of each class, close."""
        artefacts = self.fit(stage)
        with stage("sample") as out, self.sampler(artefacts, out) as sampler:
            for label in self.labels:
                draw(sampler, self.block_of(label, 0))


def draw(sampler: Any, requests: Sequence[Request]) -> list[Array]:
    """The images of these requests in their order; all are kept before one is looked at, as the host does it."""
    drawn = list(sampler.sample(requests))
    by_request = dict(drawn)
    numbers = sorted(request.index for request, _ in drawn)
    require(
        len(drawn) == len(requests) and set(by_request) == set(requests),
        f"asked for images {sorted(request.index for request in requests)} of {requests[0].label}, got {numbers}",
    )
    return [by_request[request] for request in requests]


def unlike(
    requests: Sequence[Request], images: Sequence[Array], others: Sequence[Array], tolerance: int = 0
) -> list[str]:
    """The images that differ by more than so many grey levels, each in a few words."""
    differences = []
    for request, a, b in zip(requests, images, others, strict=True):
        if a.shape != b.shape:
            differences.append(f"image {request.index} of {request.label} is {a.shape} and {b.shape}")
            continue
        by = int(np.abs(a.astype(np.int16) - b).max())
        if by > tolerance:
            differences.append(f"image {request.index} of {request.label} differs by {by} grey levels")
    return differences


def loads(subject: GeneratorSubject) -> None:
    """The object can be made."""
    generator = subject.make()
    for method in ("fit", "open"):
        require(callable(getattr(generator, method, None)), f"{subject.spec.factory} has no method {method}")


def numbers_of_shots(subject: GeneratorSubject) -> None:
    """Fits on 1, 2 and 16 shots, and an image of each."""
    if subject.scope == "none":
        raise LeftOut("its scope is none: it is never fitted")
    for count in (1, 2, 16):
        try:
            artefacts = subject.fitted(count)
            subject.drawn(artefacts, subject.requests(subject.labels[0], [0]))
        except Exception as error:
            raise Failed(f"with {count} shots: {raised(error)}") from error


def images(subject: GeneratorSubject) -> None:
    """Number, type, shape and size of images, and what ran."""
    with subject.sampler(subject.fitted()) as sampler:
        ran = getattr(sampler, "ran", None)
        require(isinstance(ran, Ran), f"the sampler's ran is {ran!r}; it must be a Ran, for tables show it")
        assert isinstance(ran, Ran)
        for label in subject.labels:
            for image in draw(sampler, subject.block_of(label, 0)):
                _right(image, ran.resolution)


def _right(image: Any, resolution: int | None) -> None:
    require(isinstance(image, np.ndarray), f"an image is a {type(image).__name__}; it must be a NumPy array")
    shape = f"{image.dtype} {image.shape}"
    right = image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and min(image.shape[:2]) >= 8
    require(right, f"an image is {shape}; it must be RGB uint8 (height, width, 3) of at least 8 px")
    same = resolution is None or image.shape[:2] == (resolution, resolution)
    require(same, f"an image is {shape}, but ran says a resolution of {resolution} px")


def other_shots(subject: GeneratorSubject) -> None:
    """Images of two fits on different shots."""
    requests = subject.block_of(subject.labels[0], 0)
    [other] = subject.drawn(subject.fitted(first=16), requests)
    same = not unlike(requests, subject.images(subject.labels[0], 0), other)
    require(not same, f"the {subject.block} images are the same after a fit on other shots")


def same_seed(subject: GeneratorSubject) -> None:
    """Fit and sample once more."""
    requests = subject.block_of(subject.labels[0], 0)
    [again] = subject.drawn(subject.fitted(again=1), requests)
    differences = unlike(requests, subject.images(subject.labels[0], 0), again)
    require(not differences, f"fitted and sampled twice with one seed: {'; '.join(differences[:2])}")


def other_seed(subject: GeneratorSubject) -> None:
    """The same images asked for with other seeds."""
    if not subject.spec.seeded:
        raise LeftOut("its spec says that it picks images in turn (seeded is false)")
    label = subject.labels[0]
    requests = subject.block_of(label, 0, SEED + 1)
    [other] = subject.drawn(subject.fitted(), requests)
    same = [
        str(request.index)
        for request, a, b in zip(requests, subject.images(label, 0), other, strict=True)
        if np.array_equal(a, b)
    ]
    require(not same, f"images {', '.join(same)} of {label} are the same with another seed")


def count(subject: GeneratorSubject) -> None:
    """Blocks alone, and after fewer and other ones."""
    first, second = subject.labels
    orders = [[(first, 1)], [(second, 0), (first, 1), (first, 0)]]
    for order in orders:
        drawn = subject.drawn(subject.fitted(), *(subject.block_of(*block) for block in order))
        for block, images in zip(order, drawn, strict=True):
            differences = unlike(subject.block_of(*block), subject.images(*block), images)
            require(not differences, f"blocks made alone or in another sequence: {'; '.join(differences[:2])}")


def order(subject: GeneratorSubject) -> None:
    """A block asked for backwards."""
    label = subject.labels[0]
    requests = subject.requests(label, range(max(2, subject.block)))
    [usual], [backwards] = subject.drawn(subject.fitted(), requests), subject.drawn(subject.fitted(), requests[::-1])
    differences = unlike(requests, usual, backwards[::-1], TOLERANCE)
    require(not differences, f"asked for in another order: {'; '.join(differences[:2])}")


def batch(subject: GeneratorSubject) -> None:
    """Images alone and with others."""
    label = subject.labels[0]
    requests = subject.requests(label, range(max(3, subject.block)))
    [together], [alone], [rest] = (
        subject.drawn(subject.fitted(), some) for some in (requests, requests[:1], requests[1:])
    )
    differences = unlike(requests, together, [*alone, *rest], TOLERANCE)
    batches = f"in batches of 1 and {len(rest)} instead of {len(requests)}"
    require(not differences, f"{batches}: {'; '.join(differences[:2])}")


def other_process(subject: GeneratorSubject) -> None:
    """The artefacts in another folder, opened in another process."""
    label = subject.labels[0]
    moved = subject.new_folder("moved")
    artefacts = subject.fitted()
    for name, folder in artefacts.items():
        folder.rename(moved / (name or "all"))
    try:
        where = {name: str(moved / (name or "all")) for name in artefacts}
        elsewhere = subject.elsewhere("sample", {"artefacts": where, "label": label})
    finally:
        for name, folder in artefacts.items():
            (moved / (name or "all")).rename(folder)
    digests = [pixel_digest(image) for image in subject.images(label, 0)]
    other = [str(i) for i, (a, b) in enumerate(zip(digests, elsewhere, strict=True)) if a != b]
    require(not other, f"images {', '.join(other)} of {label} are others in another process")


def sample_elsewhere(subject: GeneratorSubject, artefacts: Mapping[str, str], label: str) -> list[str]:
    """The errand behind it: the digests of a block's images."""
    [drawn] = subject.drawn({name: Path(path) for name, path in artefacts.items()}, subject.block_of(label, 0))
    return [pixel_digest(image) for image in drawn]


@dataclass
class _Interruption:
    """Asks to stop from the first block that is finished: within the second one, or else right after it."""

    images: ImageSet
    calls: int = 0

    def stop(self) -> bool:
        """Whether to stop now."""
        return self.images.report(0) is not None

    def progress(self, done: int, total: int) -> None:
        """Let the host's own report of the first block pass."""
        self.calls += self.stop()
        if self.calls > 1:
            raise Stopped


def resumes(subject: GeneratorSubject) -> None:
    """An image set whose making is cut off twice, as the host makes it, against one that is not."""
    label = subject.labels[0]
    requests = subject.block_of(label, 0)
    with subject.sampler(subject.fitted()) as sampler:
        cut = iter(sampler.sample(requests))
        next(cut)
        if hasattr(cut, "close"):
            cut.close()
    root = subject.new_folder("resumed")
    stage = _stage(subject, label, root)
    images = stage.classes[0].images
    interruption = _Interruption(images)
    with suppress(Stopped):
        stage.run(Services(progress=interruption.progress, stop=interruption.stop))
    stage.run(Services())
    resumed = [pixels.read() for pixels in images.pixels(2 * subject.block)]
    usual = [*subject.images(label, 0), *subject.images(label, 1)]
    both = [*requests, *subject.block_of(label, 1)]
    differences = unlike(both, usual, resumed)
    require(not differences, f"after a stop midway: {'; '.join(differences[:2])}")


def _stage(subject: GeneratorSubject, label: str, root: Path) -> SampleStage:
    """The sampling of two blocks in a store of their own, from copies of the artefacts."""
    store = Store(root)
    name = label if subject.scope == "class" else ""
    key = None
    if subject.scope != "none":
        key = content_key("fit", {"label": name})
        with store.making(StageKind.FIT, key) as folder:
            shutil.copytree(subject.fitted()[name], folder, dirs_exist_ok=True)
            store.keep(StageKind.FIT, key, folder, {}, {})
    work = Work(
        plugin=subject.spec.name,
        origin=subject.target.origin,
        factory=subject.spec.factory,
        configs=subject.configs,
        seed=SEED,
        device=subject.target.device,
        dtype=subject.dtype,
        workers=0,
        labels=subject.gallery.labels,
        assets=subject.assets,
        store=root,
        fold=0 if subject.spec.per_fold else None,
    )
    images = ImageSet(store.folder(IMAGES, content_key(IMAGES, {"label": label})), subject.block)
    sampled = ClassToSample(label, subject.gallery.prompt(label), images, key, {}, 2 * subject.block)
    return SampleStage("check", work, (sampled,), by_label=subject.scope == "class")


def digest(subject: GeneratorSubject) -> str:
    """Of the usual images of both classes."""
    blocks = [subject.images(label, 0) for label in subject.labels]
    return content_key("outputs", {"images": [[pixel_digest(image) for image in block] for block in blocks]})


_after = partial(Check, needs=("images",))

CHECKS = (
    Check(LOADS, "the factory, the options and the weights can be loaded, and the object made", loads),
    *OPTIONS,
    Check(
        "images",
        "each request is answered once with RGB uint8 (height, width, 3), of the resolution that ran says",
        images,
    ),
    _after("shots", "it fits on 1, 2 and 16 shots of a class, and samples from each", numbers_of_shots),
    _after("other-shots", "other shots give other images", other_shots, needs=("images", "shots")),
    _after("same-seed", "the same seed gives the same bytes, of fit and sampling", same_seed),
    _after(
        "other-seed",
        "another seed gives another image, for every image",
        other_seed,
        needs=("images", "same-seed"),
    ),
    _after("count", "an image is the same however many are made, and whichever before it", count),
    _after("order", "an image is the same wherever its request stands in a batch", order),
    _after("batch", "other images in the batch move an image by 2 grey levels at most", batch),
    _after("other-process", "moved artefacts give the same images in another process", other_process),
    _after("resumes", "stopped midway, a sampling goes on without a lost or doubled image", resumes),
    *conduct("images"),
    revision(digest, "same-seed"),
)
ERRANDS = {"sample": sample_elsewhere}
