"""The schema of a record. Every key has its meaning in its description; docs/results.md is made from them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cytobench.contract import Role
from cytobench.storage.records.roles import with_role

SCHEMA_VERSION = 1
"""Raised when a key changes its meaning or goes away."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RanUsed(_Part):
    """What really ran."""

    weights: str = Field(description="Name and short digest of the weights.")
    architecture: str = Field(description="The network, for example ViT-B-32-quickgelu.")
    resolution: int | None = Field(description="Side of its images in pixels; null if it has none.")


class WeightsUsed(_Part):
    """A file or folder a plugin needed."""

    source: str = Field(description="Where it came from: package:NAME/PATH, a local path, or a Hub id.")
    digest: str = Field(description="SHA-256 of its contents, in hex.")


NO_SETTINGS = frozenset({"ran", "version", "role", "images_are"})
"""Keys of a generator or classifier that may differ where the same work was done: of two versions of a plugin, say."""


class _PluginUsed(_Part):
    name: str = Field(description="The name in tables and in the row's name.")
    plugin: str = Field(description="The plugin's own name; name may be a variant's, or made from settings.")
    distribution: str = Field(description="The installed distribution that offers the plugin.")
    version: str = Field(description="The version of that distribution.")
    revision: int = Field(description="The plugin's revision; its author raises it when outputs change.")
    code: str | None = Field(
        default=None,
        description="SHA-256 over the files of a third-party plugin's packages, in hex; null if built in or unknown.",
    )
    weights: dict[str, WeightsUsed] = Field(default_factory=dict, description="Weights and folders by name.")
    versions: dict[str, str] = Field(
        default_factory=dict, description="What programs that the plugin runs say of their version, by name."
    )
    ran: RanUsed | None = Field(default=None, description="What really ran; null if nothing did.")


class _RoledUsed(_PluginUsed):
    role: Role = Field(
        default="candidate", description="What it is in a table for, as its plugin says: candidate, control or oracle."
    )

    @model_validator(mode="before")
    @classmethod
    def _known_role(cls, values: Any) -> Any:
        return with_role(values)


class GeneratorUsed(_RoledUsed):
    """The generator of a trial."""

    images_are: str = Field(
        default="", description="What the images of a control are, as its plugin says: copies of the shots."
    )
    fit_config: dict[str, Any] = Field(
        description="Every setting of the fit, but time limits and the like, and those added later that are at their "
        "default."
    )
    sample_config: dict[str, Any] = Field(description="Every setting of the sampling, with the same exceptions.")


class ClassifierUsed(_RoledUsed):
    """The classifier of a trial."""

    config: dict[str, Any] = Field(
        description="Every setting, but time limits and the like, and those added later that are at their default."
    )


class ExtractorUsed(_PluginUsed):
    """The extractor that a fidelity was measured with."""

    config: dict[str, Any] = Field(description="Every setting, but those added later that are at their default.")
    dimension: int = Field(description="Features an image.")


class FidelityFigure(_Part):
    """A figure with its interval."""

    value: float = Field(description="The figure.")
    low: float | None = Field(description="Lower end of its 95 % interval; null where there are too few images.")
    high: float | None = Field(description="Upper end of it.")


class FidelityFloor(_Part):
    """The figures between halves of the real images."""

    kid: float | None = Field(description="Mean KID over the splits; null where halves are too small.")
    fid: float | None = Field(description="Mean FID.")
    precision: float | None = Field(description="Mean precision.")
    recall: float | None = Field(description="Mean recall.")
    halves: list[tuple[int, int]] = Field(description="Images of the two halves of each split.")


class FidelityFigures(_Part):
    """How near synthetic images are to real ones."""

    n_real: int = Field(description="Real images.")
    n_synthetic: int = Field(description="Synthetic images. Figures of other numbers of images do not compare.")
    kid: FidelityFigure | None = Field(description="Kernel Inception distance; null where there are too few images.")
    kid_subset_size: int | None = Field(description="Images a side of each subset that the KID is the mean over.")
    fid: FidelityFigure | None = Field(description="Frechet inception distance.")
    precision: FidelityFigure | None = Field(description="Share of synthetic images that lie among real ones.")
    recall: FidelityFigure | None = Field(description="Share of real images that lie among synthetic ones.")
    floor: FidelityFloor | None = Field(description="The same between disjoint halves of the real images.")
    copying: dict[str, Any] | None = Field(description="What the test for copies of the shots found; null without.")
    reasons: dict[str, str] = Field(description="Why what is null is null, by its name.")


class FidelityUsed(_Part):
    """The fidelity of a trial's synthetic images to its test images, by one extractor."""

    key: str = Field(description="Its content address; trials with the same images and fold share it.")
    extractor: ExtractorUsed = Field(description="What the features come from.")
    seed: int = Field(description="Seed of its subsets, parts and halves.")
    total: FidelityFigures = Field(description="Of all classes together.")
    classes: dict[str, FidelityFigures] = Field(description="The same by class.")


class NearestReal(_Part):
    """A synthetic image, and the real one that it equals or nearly equals."""

    image: int = Field(description="The number of the synthetic image in its set.")
    real: str = Field(description="Path of the real image in the data set, or in the outside test set.")
    difference: float = Field(description="How different they are: 0 for the same picture, about 1.4 for any two.")


class CopiesOfClass(_Part):
    """What comparing the synthetic images of a class with all real ones found."""

    n_images: int = Field(description="Images compared: whole blocks, those beyond N included.")
    equal: int = Field(description="How many of them have the very pixels of a real image.")
    near: int = Field(description="How many of the others nearly equal one.")
    images: list[tuple[int, int]] = Field(
        description="The numbers of all these in their set, as runs: the first and the last number of each."
    )
    nearest: list[NearestReal] = Field(description="Those that differ least, at most eight.")

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of the images that equal or nearly equal a real one."""
        return frozenset(number for first, last in self.images for number in range(first, last + 1))


class CopiesUsed(_Part):
    """What comparing all synthetic images of a trial with all real ones found."""

    key: str = Field(description="Its content address; trials with the same images and data share it.")
    revision: int = Field(description="Of the method: raised when other images would be found.")
    n_real: int = Field(description="Real images compared with, each once: all of the data set, whatever their part.")
    n_external: int = Field(default=0, description="Those of them that are of the outside test set alone.")
    classes: dict[str, CopiesOfClass] = Field(description="What was found, by class of the synthetic images.")

    @property
    def n_images(self) -> int:
        """Synthetic images compared."""
        return sum(of_class.n_images for of_class in self.classes.values())

    @property
    def equal(self) -> int:
        """How many of them have the very pixels of a real image."""
        return sum(of_class.equal for of_class in self.classes.values())

    @property
    def found(self) -> int:
        """How many of them equal or nearly equal a real image."""
        return self.equal + sum(of_class.near for of_class in self.classes.values())


class DatasetUsed(_Part):
    """The data set, after a cut by ``limit``."""

    name: str = Field(description="Name of a built-in data set, or the folder's or manifest's name.")
    digest: str = Field(description="SHA-256 over the labels and pixels of all images, in hex.")
    n_images: int = Field(description="Real images.")
    labels: tuple[str, ...] = Field(description="All classes, in the order of the probabilities' columns.")
    classes: dict[str, int] = Field(description="Real images by class.")
    public: bool = Field(description="Whether anyone can get its images.")
    drawn: bool = Field(default=False, description="Drawn by a program, not photographed: the embedded data.")
    distribution: str | None = Field(
        default=None, description="The installed distribution whose plugin offers it; null for a folder or manifest."
    )
    version: str | None = Field(default=None, description="The version of that distribution.")
    limit: int | None = Field(default=None, description="Images a class that it was cut to; null for all.")
    grouped: str = Field(
        default="images only",
        description="What is kept apart: 'images only', 'grouped by patient (n)' where every image has a group, else "
        "'k of n images name no patient'.",
    )


class FindingUsed(_Part):
    """Something about the data that a reader of the scores should know."""

    kind: str = Field(description="What it is about; docs/data.md lists the kinds.")
    text: str = Field(description="It in words.")


class ProtocolUsed(_Part):
    """How the images were divided."""

    name: str = Field(description="strict, or the name of another setting of the switches.")
    version: int = Field(description="Raised when the protocol divides differently.")
    switches: dict[str, Any] = Field(description="The protocol's switches by name.")
    folds: int = Field(description="How many folds the protocol makes.")
    fold: int = Field(description="The fold of this trial, from 0.")


class StageReport(_Part):
    """One timed stage behind a trial, shared stages included. Other keys of a stage's report are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: str = Field(description="fit, sample, fidelity, train or predict.")
    key: str = Field(description="Its content address; equal keys are the same work, done once.")
    label: str | None = Field(
        default=None, description="The class, where a stage belongs to one; the extractor of a fidelity."
    )
    seconds: float = Field(ge=0, description="Wall time in seconds, device synchronised, loading included.")
    parts: dict[str, float] = Field(default_factory=dict, description="Seconds by part, for example load.")
    images: int | None = Field(default=None, description="Images made, predicted or extracted; null if none.")
    images_per_second: float | None = Field(default=None, description="Images a second, loading not counted.")
    peak_memory_mib: float | None = Field(
        default=None,
        description="Peak memory in MiB: allocated on the accelerator, or resident in the process on a CPU.",
    )
    device: str = Field(description="Name of the device it ran on, when it ran.")
    threads: int | None = Field(
        default=None,
        description="Threads that its process computed with; another number may change last digits. Null if not known, "
        "or where blocks of images were made with several.",
    )
    software: dict[str, str] = Field(
        default_factory=dict,
        description="Versions of Python and of the imported packages that can change a figure, when it ran. Empty if "
        "not known.",
    )
    when: str = Field(description="When it ran, ISO 8601 in UTC.")
    reused: bool = Field(default=False, description="Found in the store; this run paid nothing.")


class Environment(_Part):
    """The software."""

    python: str = Field(description="Version of Python.")
    platform: str = Field(description="Operating system and machine.")
    packages: dict[str, str] = Field(description="Versions of cytobench, its dependencies and its plugins.")
    git_commit: str | None = Field(
        default=None,
        description="Commit of the installed cytobench, with + where its code differs; null if unknown.",
    )


class DeviceUsed(_Part):
    """The hardware."""

    kind: str = Field(description="cpu, cuda, mps, ...")
    name: str = Field(description="The device's name; rows of different devices are never ranked together.")
    driver: str | None = Field(default=None, description="Version of the driver; null if there is none.")


class ExternalUsed(_Part):
    """An outside test set, which every trial's model predicts."""

    name: str = Field(description="Name of a built-in data set, or the folder's or manifest's name.")
    digest: str = Field(description="SHA-256 over the labels and pixels of its images, in hex.")
    n_images: int = Field(description="Images predicted.")
    classes: dict[str, int] = Field(description="Images by class; its macro F1 is over the classes that it has.")
    copies_left_out: int = Field(default=0, description="Images left out because the data set has them too.")
    patients_left_out: int = Field(
        default=0, description="Other images left out because the data set has images of their groups too."
    )
    public: bool = Field(description="Whether anyone can get its images.")


class PromptUsed(_Part):
    """The prompts of a class."""

    generator: str = Field(description="What the generator was told.")
    classifier: str = Field(description="What a classifier with a text side was told.")
    origin: str = Field(description="Declared by the user, the data set's, built in, or the template.")


class MetricUsed(_Part):
    """A metric of a plugin."""

    title: str = Field(description="Its name in tables.")
    low: float | None = Field(description="The lowest value there can be; null where there is no bound.")
    high: float | None = Field(description="The highest one.")
    higher_is_better: bool = Field(description="Which of two values is the better one.")
    needs_probabilities: bool = Field(description="Whether it is of probabilities, not of predicted classes.")
    distribution: str = Field(description="The installed distribution that offers the plugin.")
    version: str = Field(description="The version of that distribution.")
    revision: int = Field(description="The plugin's revision; its author raises it when values change.")
    code: str | None = Field(
        default=None, description="SHA-256 over the files of the plugin's packages, in hex; null if unknown."
    )


class Submission(_Part):
    """Predictions of a system outside cytobench."""

    name: str = Field(description="The name the user gave the system.")
    predictions_digest: str = Field(description="SHA-256 of the file of predictions that was handed in, in hex.")
    split_digest: str = Field(description="SHA-256 of the file of the split they were checked against, in hex.")
    beside: str | None = Field(
        default=None,
        description="Digest of the record whose test images, labels and predictions' paths in this fold are the same: "
        "the run it is ranked beside; null if it stands alone.",
    )


class Failure(_Part):
    """Why a trial failed."""

    type: str = Field(description="The exception's class.")
    message: str = Field(description="Its message.")
    traceback: str | None = Field(default=None, description="The full traceback.")


class Record(_Part):
    """What a finished or failed trial leaves."""

    schema_version: Literal[1] = Field(default=1, description="Version of this schema.")
    row: str = Field(description="The row of the leaderboard: generator/classifier/sSHOTS/nN.")
    trial: str = Field(
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$",
        description="Name of the trial and of its files: row and fold.",
    )
    status: Literal["done", "failed"] = Field(description="done or failed.")
    key: str = Field(description="Content address of the trial: equal keys are the same work.")
    dataset: DatasetUsed = Field(description="The data set.")
    protocol: ProtocolUsed = Field(description="The protocol and the fold.")
    external_test: ExternalUsed | None = Field(
        default=None, description="The outside test set, split external; null if there is none."
    )
    findings: tuple[FindingUsed, ...] | None = Field(
        default=None, description="What was found in the data before the run; null in records that are older than this."
    )
    preset: str = Field(description="paper or pocket; submitted where predictions came from outside.")
    generator: GeneratorUsed | None = Field(description="The generator; null for N = 0.")
    classifier: ClassifierUsed = Field(
        description="The classifier; of a submission its name, and submitted for all that is not known."
    )
    submission: Submission | None = Field(
        default=None,
        description="Where predictions came from outside, which cytobench only checked and scored; null for a trial of "
        "a run. Such a record has no device, number format, stages, or prompts, and what the system saw is not known.",
    )
    shots: int = Field(
        description="Shots a class asked for; 0 for a generator that is not tuned, and for a submission."
    )
    shots_used: dict[str, int] = Field(
        default_factory=dict, description="Shots each class had in this fold; fewer where the class is rare."
    )
    shots_chosen: str = Field(
        default="random",
        description="How the run chooses shots: random, first, sharpest, or listed: and the first 12 hex digits of a "
        "digest of the paths listed, in order, where a file lists the shots.",
    )
    n_synthetic: int = Field(
        description="Synthetic images a class: in training, or divided over the parts where the protocol pools. Where "
        "it balances, the number that each class is topped up, or cut, to."
    )
    seed: int | None = Field(
        description="Seed of split, shots, training and sampling; of a submission that of the split, null if unknown."
    )
    synthetic_digests: dict[str, str] = Field(
        default_factory=dict,
        description="By class, a digest of the pixels of its synthetic images in their order; empty without any, and "
        "in records made before it was kept.",
    )
    made_elsewhere: Literal["no", "undeclared", "listed", "per-fold", "external"] = Field(
        default="no",
        description="Whether the generator's images or weights come from outside the run, and what was declared of "
        "what they have seen: nothing (then the row is not ranked), a list of images (which are in training alone), "
        "that each fold has its own, or none of this data.",
    )
    train_only: tuple[str, ...] = Field(
        default=(), description="Classes that are only in training and left out of the scores."
    )
    splits: dict[str, dict[str, int]] = Field(
        default_factory=dict, description="Real images by class in train, validation and test."
    )
    dtype: str | None = Field(
        default="float32", description="Number format of the models; null for a submission."
    )
    scores: dict[str, dict[str, float | None]] = Field(
        default_factory=dict,
        description="Every metric of all classes that was on offer, by split and name: accuracy, f1_macro, auc_macro "
        "and so on. Null where it has no value (an AUC with fewer than two classes present) and where it failed. Empty "
        "for a failed trial.",
    )
    metrics_failed: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="Why a metric failed, by split and name."
    )
    metrics: dict[str, MetricUsed] = Field(
        default_factory=dict, description="Those of the metrics that are of plugins, by name."
    )
    fidelity: list[FidelityUsed] = Field(
        default_factory=list,
        description="How near the synthetic images are to the real test images, an entry for each extractor.",
    )
    fidelity_failed: dict[str, Failure] = Field(
        default_factory=dict,
        description="Fidelities that could not be measured, by extractor; the trial counts without them, and the same "
        "run tries them again.",
    )
    copies: CopiesUsed | None = Field(
        default=None,
        description="Which of the synthetic images equal or nearly equal a real one. Null without synthetic images, "
        "and where that was not checked: by versions before this key.",
    )
    predictions: str | None = Field(
        default=None, description="Path of the predictions, relative to this record; null for a failed trial."
    )
    predictions_digest: str | None = Field(
        default=None, description="SHA-256 of the file of predictions, in hex; null for a failed trial."
    )
    curves: list[dict[str, float | None]] = Field(
        default_factory=list, description="The classifier's training curves, one mapping an epoch."
    )
    stages: list[StageReport] = Field(default_factory=list, description="The timed stages behind this trial.")
    environment: Environment = Field(description="The software.")
    device: DeviceUsed | None = Field(description="The hardware; null for a submission.")
    prompts: dict[str, PromptUsed] = Field(default_factory=dict, description="The prompts by class.")
    benchmark: dict[str, Any] = Field(
        description="The resolved run, as the benchmark.toml beside it: enough to run this trial again. Of a "
        "submission that of the run it stands beside, or empty."
    )
    started: str = Field(description="When the run began, ISO 8601 in UTC.")
    finished: str = Field(description="When the trial ended, ISO 8601 in UTC.")
    error: Failure | None = Field(default=None, description="Why it failed; null for a trial that is done.")
    digest: str | None = Field(
        default=None,
        description="SHA-256 in hex over all other keys, set when the record is written; a record that it does not "
        "fit is refused, and run again.",
    )

    @property
    def gives_back_shots(self) -> bool:
        """Whether its synthetic images are, or may be, the shots themselves: a control made them from shots."""
        return self.generator is not None and self.generator.role == "control" and self.shots > 0

    @property
    def copies_by_design(self) -> bool:
        """Whether copies of real images say nothing against its row: its generator is a control or an oracle."""
        return self.generator is not None and self.generator.role != "candidate"

    @property
    def evaluated(self) -> list[str]:
        """The classes the scores are about, in column order."""
        return [label for label in self.dataset.labels if label not in self.train_only]
