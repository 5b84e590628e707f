"""The grid of a benchmark: arms (rows of the leaderboard) and trials (an arm on one fold)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cytobench._keys import content_key
from cytobench.assets import digests
from cytobench.config.options import outcome
from cytobench.config.requirements import Needs
from cytobench.contract import ClassifierSpec, ExtractorSpec, GeneratorSpec, PluginConfig, SampleConfig, Scope
from cytobench.errors import UserError
from cytobench.images import View
from cytobench.plugins import Offer


@dataclass(frozen=True)
class ReadyGenerator:
    """A generator with its configurations and what they need; ``name`` is what tables show."""

    offer: Offer[GeneratorSpec]
    name: str
    fit_config: PluginConfig
    sample_config: SampleConfig
    fit_needs: Needs
    sample_needs: Needs
    synthetic: tuple[int, ...] | None = None
    """The numbers of synthetic images it runs with, of those of the benchmark; None for all."""

    @property
    def needs(self) -> Needs:
        """Of both configurations."""
        return self.fit_needs | self.sample_needs

    @property
    def scope(self) -> Scope:
        """What one fit sees: nothing, one class's shots, or all classes' shots."""
        return self.fit_config.fit_scope() or self.offer.spec.scope

    @property
    def made_elsewhere(self) -> bool:
        """Whether it may have seen the test images."""
        return self.fit_config.made_elsewhere() or self.sample_config.made_elsewhere()


@dataclass(frozen=True)
class ReadyClassifier:
    """A classifier with its configuration and what it needs; ``name`` is what tables show."""

    offer: Offer[ClassifierSpec]
    name: str
    config: PluginConfig
    needs: Needs
    synthetic: tuple[int, ...] | None = None
    """The numbers of synthetic images it runs with, of those of the benchmark; None for all."""


@dataclass(frozen=True)
class ReadyExtractor:
    """An extractor with its configuration and what it needs; ``name`` is what tables show."""

    offer: Offer[ExtractorSpec]
    name: str
    config: PluginConfig
    needs: Needs

    @property
    def weights_digest(self) -> str | None:
        """SHA-256 in hex of the weights; of several, one over theirs; None without weights."""
        weights = digests(self.needs.assets)
        return content_key("weights", weights) if len(weights) > 1 else next(iter(weights.values()), None)

    def inputs(self, view: View) -> dict[str, Any]:
        """All that decides an image's features besides its pixels."""
        return {
            "extractor": self.offer.identity,
            **self.offer.state,
            "config": outcome(self.config),
            **self.needs.inputs(),
            "view": asdict(view),
        }


@dataclass(frozen=True)
class Arm:
    """One row of the leaderboard: a generator (None for N = 0), a classifier, shots and images a class."""

    generator: ReadyGenerator | None
    classifier: ReadyClassifier
    shots: int
    n: int

    @property
    def row(self) -> str:
        """``generator/classifier/sSHOTS/nN``."""
        name = self.generator.name if self.generator else "none"
        return f"{name}/{self.classifier.name}/s{self.shots}/n{self.n}"


@dataclass(frozen=True)
class Trial:
    """One arm on one fold of one repeat: the unit of work and of failure."""

    arm: Arm
    fold: int
    repeat: int = 0
    """From 0; repeat r has the run's seed + r."""

    @property
    def name(self) -> str:
        """A file name: row, fold and, after the first, repeat, with characters unsafe in file names replaced."""
        row = re.sub(r"[^A-Za-z0-9._-]+", "-", self.arm.row.replace("/", "__"))
        return f"{row}__fold{self.fold}" + (f"__repeat{self.repeat}" if self.repeat else "")


def make_arms(
    generators: Sequence[ReadyGenerator],
    classifiers: Sequence[ReadyClassifier],
    synthetic: Sequence[int],
    shots: Sequence[int],
) -> list[Arm]:
    """All rows: N = 0 once a classifier; a generator that is not fitted has no shots (s0).

    Raises UserError if two rows have one name, or names that files cannot tell apart.
    """
    arms = []
    for classifier in classifiers:
        numbers = [n for n in synthetic if _runs(classifier, n)]
        if 0 in numbers:
            arms.append(Arm(None, classifier, 0, 0))
        for generator in generators:
            counts = (0,) if generator.scope == "none" else shots
            arms += [Arm(generator, classifier, k, n) for k in counts for n in numbers if n and _runs(generator, n)]
    _refuse_twins(arms)
    return arms


def _runs(ready: ReadyGenerator | ReadyClassifier, n: int) -> bool:
    return ready.synthetic is None or n in ready.synthetic


def _refuse_twins(arms: Sequence[Arm]) -> None:
    # Some file systems do not tell capitals from small letters.
    by_file: dict[str, Arm] = {}
    for arm in arms:
        other = by_file.setdefault(Trial(arm, 0).name.casefold(), arm)
        if other is not arm:
            rows = f"{other.row} and {arm.row}"
            raise UserError(f"the rows {rows} would share their files. Rename a variant, or run one alone.")
