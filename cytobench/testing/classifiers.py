"""The checks of classifiers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cytobench.config.options import classifier_config, classifier_title
from cytobench.contract import Checkpoints, ClassifierSpec, PluginConfig, Ran
from cytobench.images import Images
from cytobench.plugins.factory import load
from cytobench.testing.checks import LOADS, Check, LeftOut, require
from cytobench.testing.conduct import conduct, revision
from cytobench.testing.options import OPTIONS
from cytobench.testing.subject import Offered, Place, Stage
from cytobench.testing.target import Target, spec_of
from cytobench.testing.toy import LABELS, Rows, rows
from cytobench.testing.watch import watching

Probabilities = NDArray[np.float32]

TRAIN, VAL, TEST = range(16), range(16, 28), range(28, 48)
"""The toy images of a class that train, validate and test."""
LEARNT = 0.95
"""Accuracy on the toy test images that a classifier has to reach."""
STEPS = 4
"""Optimiser steps of trainings that need not learn, as far as a configuration says how to take so few."""
LEARNING = 40
"""Optimiser steps at least of trainings that must: a preset's few passes are meant for more images than these."""
SAME = 1e-3
"""How far other images may move a probability."""



class ClassifierSubject(Offered):
    """A classifier with its trainings."""

    spec: ClassifierSpec

    def __init__(self, target: Target, place: Place) -> None:
        self.spec = spec_of(target)
        super().__init__(target, place)

    def configured(self, values: Mapping[str, Any], preset: str | None = None) -> tuple[PluginConfig, ...]:
        """The configuration."""
        return (classifier_config(self.spec, preset or self.target.preset, values),)

    def train(
        self, train: Rows, val: Rows, labels: Sequence[str] = LABELS, learn: bool = False, out: Path | None = None
    ) -> Checkpoints:
        """Train in a new folder; unless it is to ``learn``, in a few steps."""
        [config] = self.configs
        steps = config.optimizer_steps(len(train), len(labels))
        if steps is not None and not learn:
            config = config.with_steps(STEPS, len(train))
        elif steps is not None and steps < LEARNING:
            config = config.with_steps(LEARNING, len(train))
        images = (self.gallery.images(part, labels) for part in (train, val))
        context = self.context(out or self.new_folder("train"), labels)
        checkpoints = load(self.spec.factory)(config).fit(*images, context)
        kind = type(checkpoints).__name__
        require(isinstance(checkpoints, Checkpoints), f"fit returned a {kind}; it must return Checkpoints")
        assert isinstance(checkpoints, Checkpoints)
        return checkpoints

    @contextmanager
    def predictor(
        self, checkpoint: Path, out: Path | None = None, labels: Sequence[str] = LABELS
    ) -> Iterator[Any]:
        """An opened predictor, closed at the end."""
        predictor = self.make().open(checkpoint, self.context(out or self.new_folder("predict"), labels))
        try:
            yield predictor
        finally:
            predictor.close()

    def predicted(self, checkpoint: Path, images: Images) -> Probabilities:
        """Probabilities of these images from one newly opened predictor."""
        with self.predictor(checkpoint, labels=images.labels) as predictor:
            return right(predictor.predict_proba(images), images)

    def tested(self, checkpoints: Checkpoints, labels: Sequence[str] = LABELS) -> tuple[float, Probabilities]:
        """Accuracy and probabilities of the test images."""
        images = self.gallery.images(rows(LABELS, TEST), labels)
        probabilities = self.predicted(checkpoints.picked, images)
        return float(np.mean(probabilities.argmax(axis=1) == images.targets)), probabilities

    @cached_property
    def trained(self) -> Checkpoints:
        """The training on three classes that is to learn."""
        return self.train(rows(LABELS, TRAIN), rows(LABELS, VAL), learn=True, out=self.trained_in)

    @cached_property
    def trained_in(self) -> Path:
        """The folder of that training."""
        return self.new_folder("trained")

    @cached_property
    def test(self) -> Images:
        """The test images."""
        return self.gallery.images(rows(LABELS, TEST))

    def use(self, stage: Stage) -> None:
        """Train, open, predict, close."""
        with stage("train") as out:
            checkpoints = self.train(rows(LABELS, TRAIN), rows(LABELS, VAL), out=out)
        with stage("predict") as out, self.predictor(checkpoints.picked, out) as predictor:
            predictor.predict_proba(self.test)


def right(probabilities: Any, images: Images) -> Probabilities:
    """Probabilities that are as the contract has them; :class:`~cytobench.testing.checks.Failed` for others."""
    require(isinstance(probabilities, np.ndarray), f"probabilities are a {type(probabilities).__name__}, no array")
    expected = (len(images), len(images.labels))
    shape = f"{probabilities.dtype} {probabilities.shape}"
    fits = probabilities.dtype == np.float32 and probabilities.shape == expected
    require(fits, f"probabilities are {shape}; they must be float32 {expected}")
    require(bool(np.isfinite(probabilities).all()), "probabilities are not all finite")
    require(bool((probabilities >= 0).all()), f"a probability is {probabilities.min():.3g}")
    sums = probabilities.sum(axis=1)
    worst = float(sums[np.abs(sums - 1).argmax()])
    require(abs(worst - 1) <= SAME, f"the probabilities of an image sum to {worst:.4f}")
    result: Probabilities = probabilities
    return result


def loads(subject: ClassifierSubject) -> None:
    """The object can be made, and the title of tables filled in."""
    classifier_title(subject.spec, subject.configs[0])
    classifier = subject.make()
    for method in ("fit", "open"):
        require(callable(getattr(classifier, method, None)), f"{subject.spec.factory} has no method {method}")


def trains(subject: ClassifierSubject) -> None:
    """Two checkpoints in its folder, each of which opens and says what ran."""
    checkpoints, out = subject.trained, subject.trained_in
    for name, path in (("picked", checkpoints.picked), ("last", checkpoints.last)):
        require(path.is_relative_to(out), f"the checkpoint {name} is {path}, outside ctx.out")
        require(path.exists(), f"the checkpoint {name} is {path.name}, which is not there")
        with subject.predictor(path) as predictor:
            ran = getattr(predictor, "ran", None)
            require(isinstance(ran, Ran), f"the predictor's ran is {ran!r}; it must be a Ran, for tables show it")
    curves = [value for row in checkpoints.curves for value in row.values()]
    require(all(isinstance(value, int | float) for value in curves), "the training curves are not all numbers")


def probabilities(subject: ClassifierSubject) -> None:
    """Of the test images."""
    subject.predicted(subject.trained.picked, subject.test)
    subject.predicted(subject.trained.last, subject.test)


def learns(subject: ClassifierSubject) -> None:
    """Accuracy on three classes that are easy to tell apart."""
    _guesses(subject)
    accuracy, _ = subject.tested(subject.trained)
    require(accuracy >= LEARNT, f"accuracy {accuracy:.3f} on {len(subject.test)} toy images; {LEARNT} is wanted")


def columns(subject: ClassifierSubject) -> None:
    """The same with classes in an order that is not alphabetical."""
    _guesses(subject)
    labels = ("stripe", "disc", "ring")
    checkpoints = subject.train(rows(labels, TRAIN), rows(labels, VAL), labels, learn=True)
    accuracy, probabilities = subject.tested(checkpoints, labels)
    by_name = np.argsort(labels)
    targets = subject.gallery.images(rows(LABELS, TEST), labels).targets
    other = float(np.mean(by_name[probabilities.argmax(axis=1)] == targets))
    hint = "; the columns are in alphabetical order" if other > accuracy else ""
    require(accuracy >= LEARNT, f"accuracy {accuracy:.3f} with the classes {', '.join(labels)} in this order{hint}")


def few_classes(subject: ClassifierSubject) -> None:
    """Two classes; and two of which the labels name three."""
    two = LABELS[:2]
    for labels in (two, LABELS):
        checkpoints = subject.train(rows(two, TRAIN), rows(two, VAL), labels)
        subject.predicted(checkpoints.picked, subject.gallery.images(rows(two, TEST), labels))


def one_image(subject: ClassifierSubject) -> None:
    """A class with one training image, and none for validation."""
    two = LABELS[:2]
    checkpoints = subject.train([*rows(two, TRAIN), (LABELS[2], 0)], rows(two, VAL))
    subject.predicted(checkpoints.picked, subject.test)


def same_seed(subject: ClassifierSubject) -> None:
    """Train and predict twice."""
    parts = rows(LABELS, TRAIN), rows(LABELS, VAL)
    first, second = (subject.predicted(subject.train(*parts).picked, subject.test) for _ in range(2))
    by = float(np.abs(first - second).max())
    require(by == 0, f"trained twice with one seed: probabilities differ by up to {by:.2g}")


def other_process(subject: ClassifierSubject) -> None:
    """The checkpoint in another folder, opened in another process."""
    _, probabilities = subject.tested(subject.trained)
    out = subject.trained_in
    moved = subject.new_folder("moved") / "checkpoints"
    out.rename(moved)
    try:
        elsewhere = subject.elsewhere("predict", {"checkpoint": str(moved / subject.trained.picked.relative_to(out))})
    finally:
        moved.rename(out)
    require(elsewhere == digest_of(probabilities), "the probabilities are others in another process")


def predict_elsewhere(subject: ClassifierSubject, checkpoint: str) -> str:
    """The errand behind it: the digest of the test images' probabilities."""
    return digest_of(subject.predicted(Path(checkpoint), subject.test))


def batch(subject: ClassifierSubject) -> None:
    """Test images alone, and with the others."""
    _guesses(subject)
    _, together = subject.tested(subject.trained)
    some = [0, len(TEST), 2 * len(TEST)]
    alone = np.concatenate([subject.predicted(subject.trained.picked, subject.test.take([row])) for row in some])
    by = float(np.abs(alone - together[some]).max())
    require(by <= SAME, f"predicted alone instead of among {len(subject.test)}: probabilities differ by up to {by:.2g}")


def _shown(paths: Sequence[str]) -> str:
    return ", ".join("/".join(Path(path).parts[-2:]) for path in paths[:2])


def unseen(subject: ClassifierSubject) -> None:
    """Files read in a training that lie beside its own, after it has predicted them once."""
    subject.tested(subject.trained)
    test = {os.path.realpath(subject.gallery.file(*row)): row for row in rows(LABELS, TEST)}
    with watching(subject.folder) as watch:
        subject.train(rows(LABELS, TRAIN), rows(LABELS, VAL))
    read = sorted(test.keys() & watch.read)
    require(not read, f"fit read {len(read)} of {len(test)} test images: {_shown(read)}")


def _guesses(subject: ClassifierSubject) -> None:
    if not subject.spec.learns:
        raise LeftOut("its spec says that it guesses (learns is false)")


def digest_of(probabilities: Probabilities) -> str:
    """SHA-256 of probabilities."""
    return hashlib.sha256(probabilities.tobytes()).hexdigest()


def digest(subject: ClassifierSubject) -> str:
    """Of the test images' probabilities."""
    return digest_of(subject.tested(subject.trained)[1])


_after = partial(Check, needs=("trains", "probabilities"))

CHECKS = (
    Check(LOADS, "the factory, the options and the weights can be loaded, and the object made", loads),
    *OPTIONS,
    Check("trains", "fit leaves the picked and the last checkpoint in its folder, and both open", trains),
    Check(
        "probabilities",
        "probabilities are float32 (images, classes), finite, none below 0, and sum to 1 in each row",
        probabilities,
        ("trains",),
    ),
    _after("learns", "three classes that are easy to tell apart are learnt to an accuracy of 0.95", learns),
    _after("columns", "the columns are in the order of the images' labels", columns, needs=("learns",)),
    _after("few-classes", "it trains on two classes, and where a class of the labels has no image", few_classes),
    _after("one-image", "it trains where a class has one image, and none for validation", one_image),
    _after("same-seed", "the same seed gives the same probabilities", same_seed),
    _after("other-process", "a moved checkpoint gives the same probabilities in another process", other_process),
    _after("batch", "an image's probabilities do not depend on the images beside it", batch),
    _after("test-images", "fit reads no test image, though they lie beside its own", unseen),
    *conduct("probabilities"),
    revision(digest, "same-seed"),
)
ERRANDS = {"predict": predict_elsewhere}
