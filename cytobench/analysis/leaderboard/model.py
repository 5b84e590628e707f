"""What a leaderboard is made of, before any format."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from cytobench._dataset import Finding
from cytobench.analysis.outcomes import Standing
from cytobench.data.findings import GROUPED, IMAGES_ONLY, LIKE_PATIENTS, NO_PATIENT, UNNAMED_PATIENTS
from cytobench.metrics.metric import Metric
from cytobench.plugins import BUILT_IN, load_plugins
from cytobench.plugins.metrics import find_metric
from cytobench.protocols import CHANGES

SUBMITTED = "submitted"
"""Stands for generator, preset and what ran where predictions came from outside."""

_MARKS = {
    "like_labels": "CLASSES THAT ARE PROBABLY ONE",
    "contradicting_copies": "CONTRADICTING LABELS",
    "uneven_folds": "UNEVEN FOLDS",
}
"""Findings that a title tells."""

ScoreKey = tuple[str, str]
"""A split and a metric."""


class Replicate(NamedTuple):
    """Which repetition a trial is among those of its row: the seed of its repeat, and its fold."""

    seed: int
    fold: int


class Environment(NamedTuple):
    """Replicates of a row that were made with the same software on the same devices."""

    replicates: tuple[Replicate, ...]
    made_with: tuple[tuple[str, str], ...]
    """Name and version, or ``device`` and its name, of what differs from other replicates of the row."""


class Maker(NamedTuple):
    """The installed distribution behind a part of a row: ``generator``, ``classifier``, or ``data set``."""

    part: str
    distribution: str
    version: str

    @property
    def built_in(self) -> bool:
        """Whether that is cytobench itself."""
        return self.distribution == BUILT_IN


@dataclass(frozen=True)
class Aggregate:
    """Mean over all trials, sample standard deviation (ddof 1) over folds, and that over seeds.

    With several seeds ``std`` is the spread over folds within a seed (variances pooled), and ``std_seeds`` that of the
    seeds' means. Each is None where fewer than two values are behind it, ``mean`` where none is.
    """

    mean: float | None
    std: float | None
    folds: int
    """Different folds behind it."""
    seeds: int = 1
    std_seeds: float | None = None


@dataclass(frozen=True)
class MetricFailure:
    """How often a metric failed, of all splits and finished trials of a row, and why it did so first."""

    reason: str
    times: int
    of: int


@dataclass(frozen=True)
class RealCopies:
    """Which of a row's synthetic images equal or nearly equal a real one, over its finished trials."""

    n_images: int
    """Images compared, each of an image set once; those beyond N in a set's last block included."""
    equal: int
    """Those with the very pixels of a real image."""
    found: int
    """These, and those that nearly equal one."""
    unchecked: int
    """Finished trials whose records do not say."""
    by_design: bool
    """Whether the generator is a control or an oracle, of which copies say nothing."""


@dataclass(frozen=True)
class Row:
    """One row: generator/classifier/sSHOTS/nN over the folds that are done."""

    row: str
    generator: str
    classifier: str
    shots: int
    n_synthetic: int
    preset: str
    generator_ran: str
    classifier_ran: str
    aggregates: Mapping[ScoreKey, Aggregate]
    best: frozenset[ScoreKey]
    """The figures that no ranked row of the section surpasses as printed."""
    rank: int | None
    """1 for the best; None for a row that is not ranked."""
    made_elsewhere: str
    """``no``, or what was declared of images or weights from outside the run: see records."""
    complete: bool
    missing: tuple[Replicate, ...]
    """Declared replicates without a finished trial, failed ones included."""
    failed: Mapping[Replicate, str]
    """The error of each failed trial."""
    shortfall: str
    """Classes that had fewer shots than asked for, for example ``LYA 6 of 16``."""
    settings: str
    """What tells this row from another of the same name in the section; empty where the name is enough."""
    seconds: float | None
    """The whole cost: all stages behind the row, each counted once, whenever they were done; None if submitted."""
    seconds_paid: float | None
    """What the recorded runs paid themselves: the stages they did not find in a store."""
    images_per_second: float | None
    """Rate of sampling; None without."""
    peak_memory_mib: float | None
    """The highest peak of all stages."""
    submitted: bool = False
    """Whether the predictions came from a system outside cytobench."""
    ratio: float | None = None
    """n_test / n_train of a fold, as differences over folds are weighed; None where counts are unknown."""
    values: Mapping[ScoreKey, Mapping[Replicate, float]] = field(default_factory=dict)
    """Each finished replicate's score by split and metric: of those shown, and of all others on record."""
    standing: Standing | None = None
    """Against the best row; None if nothing is to compare."""
    p_best: float | None = None
    """The p behind the standing, adjusted for all ranked rows of the section; None where there is none."""
    makers: tuple[Maker, ...] = ()
    """Whose plugins made it, several of a part where folds differ; empty for a submission."""
    environments: tuple[Environment, ...] = ()
    """What its replicates were made with, where that differs; empty where all are alike."""
    metrics_failed: Mapping[str, MetricFailure] = field(default_factory=dict)
    """Of the metrics shown those that failed, by name."""
    predictions: Mapping[Replicate, str] = field(default_factory=dict)
    """The digest of each finished replicate's predictions: rows that have the same are one, under several names."""
    unchecked: tuple[Replicate, ...] = ()
    """Finished replicates whose predictions are not there, so that nothing bears their scores out."""

    gaps: tuple[Replicate, ...] = ()
    """Finished replicates without the score that ranks, where others have it: a mean of these is of other folds."""
    copies: RealCopies | None = None
    """Copies of real images among the synthetic ones; None where there are none of these, and of a submission."""

    @property
    def tuned_elsewhere(self) -> bool:
        """Whether its generator was not tuned on the run's shots, though it was asked for images by them."""
        return self.made_elsewhere != "no" and self.shots > 0

    @property
    def ranked(self) -> bool:
        """Whether the row may be ranked: complete, borne out by predictions, without a gap in the score that ranks, its
        images no copies of real ones, and not perhaps trained on the test images.
        """
        whole = self.complete and not self.unchecked and not self.gaps
        return whole and not self.copied and self.made_elsewhere != "undeclared"

    @property
    def copied(self) -> bool:
        """Whether images that are called synthetic equal or nearly equal real ones; never of a control."""
        return self.copies is not None and self.copies.found > 0 and not self.copies.by_design

    @property
    def same_as(self) -> Hashable:
        """Equal for rows whose predictions are equal in every fold; for others, and without predictions, unlike."""
        return frozenset(self.predictions.items()) or id(self)

    @property
    def third_party(self) -> tuple[Maker, ...]:
        """Those makers that are not cytobench."""
        return tuple(maker for maker in self.makers if not maker.built_in)


@dataclass(frozen=True)
class PublishedComparison:
    """A row of the CytoDiff study's tables beside ours."""

    name: str
    """``S3/clip/n100``."""
    table: str
    classifier: str
    n_synthetic: int | None
    """Synthetic images a class; None for the random baseline."""
    aggregates: Mapping[ScoreKey, Aggregate]
    """Over five folds, two decimals."""
    ours: Row | None
    """The row of the section with the same classifier and number of synthetic images; None if there is none."""
    reasons: tuple[str, ...]
    """Why the two are not comparable; empty if they are."""

    @property
    def verdict(self) -> str:
        """``comparable``, or ``not comparable`` and why."""
        return f"not comparable: {', '.join(self.reasons)}" if self.reasons else "comparable"


@dataclass(frozen=True)
class FidelityRow:
    """Fidelity of a generator's images, over the folds; figures are None where a fold has too few images for them."""

    generator: str
    shots: int
    n_synthetic: int
    """Images a class."""
    settings: str
    """What tells this row from another of the same name; empty where the name is enough."""
    aggregates: Mapping[str, Aggregate | None]
    """``kid``, ``fid``, ``precision``, ``recall``, and ``floor_kid``: the KID between halves of the real images."""
    copying: Mapping[Replicate, bool | None]
    """Whether the permutation test found images closer to the shots than held-out ones, by replicate.

    None where not testable. Those not tested are absent.
    """
    near_copies: Aggregate | None = None
    """Share of the images that are near-copies of a shot in pixels; None where that was not looked at."""
    tuned_elsewhere: bool = False
    """As of a row of the leaderboard: its shots tuned nothing."""
    third_party: bool = False
    """Whether the generator is no plugin of cytobench's own."""


@dataclass(frozen=True)
class FidelityTable:
    """Rows measured by one extractor on the same numbers of images in every fold: figures of others do not compare."""

    extractor: str
    weights_digest: str
    """SHA-256 in hex of the weights, joined by commas where there are several; empty without weights."""
    dimension: int
    """Features an image."""
    counts: Mapping[Replicate, tuple[int, int]]
    """Real and synthetic images of each replicate."""
    maker: Maker
    """Whose plugin the extractor is."""
    rows: tuple[FidelityRow, ...]


@dataclass(frozen=True)
class Section:
    """One ranking: rows that differ by generator, classifier, shots and synthetic images alone."""

    dataset: str
    other_names: tuple[str, ...]
    """What else the data set is called in records; whose images are the same is the same data set."""
    dataset_digest: str
    drawn: bool
    limit: int | None
    grouped: str
    findings: tuple[Finding, ...] | None
    """What was found in the data; None where the records are older than findings."""
    protocol: str
    protocol_version: int
    preset: str
    device: str
    seeds: tuple[int, ...]
    """Of the repeats declared: the run's seed and those after it."""
    train_only: tuple[str, ...]
    merged: tuple[str, ...]
    external: str | None
    """The outside test set in words; None if there is none."""
    seen_list: str | None
    """The file of ``trained_on``, whose images are in training alone."""
    shots_chosen: str
    """How shots are chosen: see records."""
    n_images: int
    n_classes: int
    folds_declared: tuple[int, ...]
    folds_made: int
    switches: Mapping[str, object]
    splits: tuple[str, ...]
    metrics: tuple[Metric, ...]
    """Those that are shown, in this order."""
    ranked_by: ScoreKey
    asked: str | None
    """The metric that rows are to be compared by, whatever is declared; None for what is declared."""
    rows: tuple[Row, ...]
    majority: Mapping[ScoreKey, Aggregate]
    """Always guessing the most frequent class of the training part; empty where counts are unknown."""
    fidelity: tuple[FidelityTable, ...] = ()
    """How near the generators' images are to the test images, where that was measured."""
    published: tuple[PublishedComparison, ...] = ()
    """The study's rows beside ours, if they were asked for."""
    not_computed: tuple[str, ...] = ()
    """Metrics whose values could not be computed again here, each with the version of the plugin that they are of."""
    dataset_maker: Maker | None = None
    """Whose plugin the data set is; None for a folder or manifest."""

    def metric(self, name: str) -> Metric:
        """A metric by its name, shown or not. Raises UserError for one that no plugin here offers."""
        shown = next((metric for metric in self.metrics if metric.name == name), None)
        return shown or find_metric(name, load_plugins)

    @property
    def alone(self) -> bool:
        """Whether submitted predictions stand without a run."""
        return all(row.submitted for row in self.rows)

    @property
    def pooled(self) -> bool:
        """Whether synthetic images are among those tested."""
        return bool(self.switches.get("pooled", False))

    @property
    def patients_apart(self) -> bool:
        """Whether every image names its patient or slide, so that the protocol could keep them apart."""
        return self.grouped.startswith(GROUPED)

    @property
    def title(self) -> str:
        """What every row of the section has in common, with its marks first."""
        marks = []
        if self.drawn:
            marks.append("EMBEDDED DATA")
        if self.limit is not None:
            marks.append(f"CUT by --limit {self.limit}")
        if self.pooled:
            marks.append("TESTED ON SYNTHETIC IMAGES TOO")
        marks += [mark for kind, mark in _MARKS.items() if self.finds(kind)]
        mark = f"[{'; '.join(marks)}] " if marks else ""
        if self.alone:
            return f"{mark}{self.dataset}, submitted predictions of a given split"
        return (
            f"{mark}{self.dataset}, protocol {self.protocol} v{self.protocol_version}, preset {self.preset}, "
            f"{self.device}{'' if self.shots_chosen == 'random' else f', shots {self.shots_chosen}'}"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that belong under the title."""
        images = f"{self.n_images} images of {self.n_classes} classes (data {self.dataset_digest[:12]})"
        if self.limit is not None:
            images += f", cut to at most {self.limit} a class"
        notes = [f"{images}; {self._folds()}; {self._seeds()}."]
        if self.other_names:
            names = ", ".join(self.other_names)
            notes.append(f"Of {self.dataset} and of {names} alike: the same images and labels under other names.")
        changes = {name: change.says for name, change in CHANGES.items() if change.holds(self.switches)}
        if changes:
            study = "The study's own protocol, for comparison with its figures. " if self.protocol == "cytodiff" else ""
            judge = " Judge by the real images alone, and better by strict." if self.pooled else ""
            notes.append(f"{study}Unlike strict: {'; '.join(changes.values())}.{judge}")
        if {"pooled", "shots", "copies"} & set(changes):
            notes.append(f"Leaks are possible, as this says ({self.grouped}).")
        else:
            notes.append(self._assurance())
        # Of images without a patient the assurance has told.
        notes += [finding.text for finding in self.findings or () if finding.kind != NO_PATIENT]
        maker = self.dataset_maker
        if maker is not None and not maker.built_in:
            notes.append(f"The data set is of a third-party plugin: {maker.distribution} {maker.version}.")
        if self.not_computed:
            notes.append(f"As recorded, and not computed again: {', '.join(self.not_computed)}, which is not here.")
        unchecked = sum(1 for row in self.rows if row.copies is not None and row.copies.unchecked)
        if unchecked:
            rows = "1 row" if unchecked == 1 else f"{unchecked} rows"
            notes.append(
                f"Not checked: whether synthetic images of {rows} are copies of real ones (the records do not say)."
            )
        if self.train_only:
            notes.append(f"In training only, left out of the scores: {', '.join(self.train_only)}.")
        if self.seen_list:
            notes.append(f"In training only: what {self.seen_list} lists as seen by a generator made elsewhere.")
        if self.shots_chosen != "random":
            notes.append(f"Shots are not drawn at random, but chosen: {_chosen(self.shots_chosen)}.")
        if self.merged:
            notes.append(f"Classes taken as one: {'; '.join(self.merged)}.")
        if self.external:
            notes.append(
                f"Outside test set: {self.external}; seen as the data set's own images, in no rank, macro F1 over the "
                "classes it has."
            )
        if self.drawn:
            notes.append("Embedded data: drawn by a program; these figures say nothing about real cells.")
        if self.preset == "pocket":
            notes.append("Preset pocket: tiny networks in place of the named ones; every row says what ran.")
        return tuple(notes)

    def finds(self, *kinds: str) -> bool:
        """Whether a finding of one of these kinds is on record."""
        return any(finding.kind in kinds for finding in self.findings or ())

    def _assurance(self) -> str:
        """What is kept apart, as far as it was checked."""
        if self.alone:
            return "Checked against the split; whether that keeps copies and patients apart is not known."
        if self.grouped == IMAGES_ONLY:
            if self.finds("unused_patients", "unused_table"):
                return "Copies are kept apart, patients and slides are not: what may name them is not used."
            if self.findings is None and self.dataset_maker is None:
                return "No leak: checked on images only; whether the data set names patients is not on record."
            return "No leak: checked on images only, the data set names no patients or slides."
        if not self.patients_apart:
            return f"Leaks are possible: {self.grouped}, and each of them counts as a patient of its own."
        if self.findings is None:
            return f"Images are {self.grouped}; whether every image names one is not on record."
        if self.finds("unused_patients"):
            return f"Images are {self.grouped}, and not by what else looks like patients or slides."
        if self.finds(LIKE_PATIENTS, UNNAMED_PATIENTS):
            return f"Images are {self.grouped}; whether each of these is one patient is not sure."
        return f"No leak: {self.grouped}."

    def _seeds(self) -> str:
        if not self.seeds:
            return "the seed of the split is not on record"
        if len(self.seeds) == 1:
            return f"seed {self.seeds[0]} alone, so how much another seed would change is not known"
        return f"seeds {', '.join(map(str, self.seeds))}"

    def _folds(self) -> str:
        if len(self.folds_declared) == self.folds_made:
            return f"{self.folds_made} folds"
        numbers = ", ".join(map(str, self.folds_declared))
        return f"fold{'s' if len(self.folds_declared) > 1 else ''} {numbers} of {self.folds_made}"


def _chosen(choice: str) -> str:
    """How shots were chosen, in words."""
    words = {"first": "the first of each class by file", "sharpest": "the sharpest cells of each class"}
    return words.get(choice, f"those that a file lists ({choice})")


@dataclass(frozen=True)
class Leaderboard:
    """All sections; nothing is compared across them."""

    sections: tuple[Section, ...]
