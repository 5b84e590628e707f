"""The checks of metrics."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cytobench.contract import MetricSpec
from cytobench.plugins.factory import load
from cytobench.testing.checks import LOADS, Check, LeftOut, require
from cytobench.testing.conduct import conduct, revision
from cytobench.testing.subject import SEED, Place, Stage, Subject
from cytobench.testing.target import Target, spec_of
from cytobench.testing.toy import LABELS

IMAGES = 120
SAME = 1e-9
"""How far another order of the images may move a value: sums come out otherwise in the last digits."""

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Toy predictions: true classes int64 (n,), and probabilities float64 (n, columns), whose highest is predicted."""

    true: NDArray[np.int64]
    probabilities: Values

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Predictions:
        """Those of these images, in this order."""
        return Predictions(self.true[rows], self.probabilities[rows])


def guessed(columns: int = len(LABELS), knowledge: float = 0.0) -> Predictions:
    """Random probabilities of classes of unequal size, with some knowledge of the true class: none, or up to 1, all."""
    rng = np.random.default_rng(SEED)
    true = rng.choice(len(LABELS), IMAGES, p=[0.6, 0.3, 0.1])
    wrong = rng.dirichlet(np.ones(columns), IMAGES)
    return Predictions(true, knowledge * np.eye(columns)[true] + (1 - knowledge) * wrong)


class MetricSubject(Subject):
    """A metric with its values of toy predictions."""

    def __init__(self, target: Target, place: Place) -> None:
        self.spec: MetricSpec = spec_of(target)
        super().__init__(target, place)

    def import_code(self) -> None:
        """Import the function."""
        load(self.spec.factory)

    def guess(self, predictions: Predictions) -> NDArray[Any]:
        """What the function is given beside the true classes: probabilities or predicted classes."""
        return predictions.probabilities if self.spec.needs_probabilities else predictions.probabilities.argmax(axis=1)

    def returned(self, predictions: Predictions) -> Any:
        """What the function gives."""
        return load(self.spec.factory)(predictions.true.copy(), self.guess(predictions).copy(), LABELS)

    def values(self, predictions: Predictions) -> Values:
        """One value, or of one class a value a class; not-a-number where there is none.

        Raises :class:`~cytobench.testing.checks.Failed` for anything else, and for what is not in the range declared.
        """
        returned = self.returned(predictions)
        count = len(LABELS) if self.spec.of_one_class else 1
        try:
            values = np.atleast_1d(np.asarray(np.nan if returned is None else returned, dtype=np.float64))
        except (TypeError, ValueError):
            values = np.empty(0)
        wanted = f"{count} numbers, one a class" if self.spec.of_one_class else "one number, or None"
        require(values.shape == (count,), f"it gave {returned!r:.200}; it must give {wanted}")
        low, high = self.spec.range
        low, high = -np.inf if low is None else low, np.inf if high is None else high
        known = values[~np.isnan(values)] if returned is None or self.spec.of_one_class else values
        require(bool(np.isfinite(known).all()), f"it gave {returned!r:.200}, which is not finite")
        inside = bool(((known >= low) & (known <= high)).all())
        require(inside, f"it gave {returned!r:.200}; the range that its spec declares is {low:g} to {high:g}")
        return values

    @cached_property
    def usual(self) -> Values:
        """The values of the usual predictions."""
        return self.values(guessed(knowledge=0.4))

    def use(self, stage: Stage) -> None:
        """Call it once."""
        with stage("value"):
            self.returned(guessed(knowledge=0.4))


def loads(subject: MetricSubject) -> None:
    """A function, and a range that is one."""
    low, high = subject.spec.range
    require(callable(load(subject.spec.factory)), f"{subject.spec.factory} is no function")
    sensible = low is None or high is None or low < high
    require(sensible, f"the spec's range is {low} to {high}")


def value(subject: MetricSubject) -> None:
    """Of predictions that are neither perfect nor blind."""
    require(not np.isnan(subject.usual).any(), "it gave no value for predictions of three classes, all of them there")


def again(subject: MetricSubject) -> None:
    """The same predictions once more."""
    values = subject.values(guessed(knowledge=0.4))
    require(np.array_equal(values, subject.usual), f"of the same predictions it gave {subject.usual}, then {values}")


def order(subject: MetricSubject) -> None:
    """The same images backwards and mixed."""
    rng = np.random.default_rng(SEED)
    for rows in (np.arange(IMAGES)[::-1], rng.permutation(IMAGES)):
        values = subject.values(guessed(knowledge=0.4).take(rows))
        same = np.allclose(values, subject.usual, rtol=SAME, atol=SAME)
        require(same, f"with the images in another order it gave {values} in place of {subject.usual}")


def direction(subject: MetricSubject) -> None:
    """Perfect predictions beside blind ones."""
    perfect, blind = subject.values(guessed(knowledge=1)), subject.values(guessed())
    better = (perfect - blind) * (1 if subject.spec.higher_is_better else -1)
    word = "higher" if subject.spec.higher_is_better else "lower"
    require(
        bool((better >= 0).all()),
        f"perfect predictions have {perfect} and blind ones {blind}, but its spec says that {word} is better",
    )


def few_classes(subject: MetricSubject) -> None:
    """Without images of a class, of one class alone, and with a class that is in training alone."""
    usual, more = guessed(knowledge=0.4), guessed(len(LABELS) + 1, knowledge=0.4)
    for predictions in (usual.take(usual.true != 2), usual.take(usual.true == 0), usual.take([0]), more):
        subject.values(predictions)


def probabilities(subject: MetricSubject) -> None:
    """Other probabilities with the same predicted classes."""
    if not subject.spec.needs_probabilities:
        raise LeftOut("it is of predicted classes (needs_probabilities is false)")
    usual = guessed(knowledge=0.4)
    sharper = usual.probabilities**3
    values = subject.values(replace(usual, probabilities=sharper / sharper.sum(axis=1, keepdims=True)))
    same = np.array_equal(values, subject.usual)
    require(not same, "with other probabilities of the same predicted classes it gave the same value: it needs none")


def inputs(subject: MetricSubject) -> None:
    """What it was given, afterwards."""
    usual = guessed(knowledge=0.4)
    true, guess = usual.true.copy(), subject.guess(usual).copy()
    load(subject.spec.factory)(true, guess, LABELS)
    same = np.array_equal(true, usual.true) and np.array_equal(guess, subject.guess(usual))
    require(same, "it changes the predictions that it is given")


def other_process(subject: MetricSubject) -> None:
    """Called in another process."""
    values = subject.elsewhere("value", {})
    require(values == digest(subject), "the value is another one in another process")


def value_elsewhere(subject: MetricSubject) -> str:
    """The errand behind it."""
    return digest(subject)


def digest(subject: MetricSubject) -> str:
    """SHA-256 of the values."""
    return hashlib.sha256(subject.usual.tobytes()).hexdigest()


_after = partial(Check, needs=("value",))

CHECKS = (
    Check(LOADS, "the function can be loaded, and the range is one", loads),
    Check("value", "it gives a finite number in the range that its spec declares; of one class, one for each", value),
    _after("again", "the same predictions give the same value", again),
    _after("order", "the order of the images changes nothing", order, needs=("again",)),
    _after(
        "direction",
        "perfect predictions are not worse than blind ones, in the direction that its spec says",
        direction,
    ),
    _after(
        "few-classes",
        "a class without an image, one class alone, and a class in training alone raise nothing",
        few_classes,
    ),
    _after("probabilities", "where its spec says that it needs probabilities, they change the value", probabilities),
    _after("inputs", "it leaves what it is given as it is", inputs),
    _after("other-process", "another process gives the same value", other_process, needs=("again",)),
    *conduct("value", memory=False),
    revision(digest, "again"),
)
ERRANDS = {"value": value_elsewhere}
