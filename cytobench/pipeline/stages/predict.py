"""The stage ``predict``: the evaluation splits predicted by a trained classifier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd

from cytobench._keys import CanonicalJson, content_key
from cytobench.config.grid import ReadyClassifier, Trial
from cytobench.config.options import plain_settings
from cytobench.config.resolve import Resolved
from cytobench.errors import CytobenchError
from cytobench.images import Images
from cytobench.metrics.scoring import EXTERNAL
from cytobench.metrics.timing import Stopwatch
from cytobench.pipeline.cost import Amount, Cost, spread
from cytobench.pipeline.plan import Planner, Rows
from cytobench.pipeline.planned import Piece, PlannedStage, State, recorded_classifier, same_settings
from cytobench.pipeline.reasons import Reasons
from cytobench.pipeline.stages.copies import PlannedCopies
from cytobench.pipeline.stages.fidelity import PlannedFidelity
from cytobench.pipeline.stages.sample import PlannedSample
from cytobench.pipeline.stages.train import PlannedTraining, synthetic_inputs
from cytobench.pipeline.work import Services, Work, run_stage, scratch, stage_report
from cytobench.protocols import Fold, synthetic_path
from cytobench.storage.records import Record, StageReport
from cytobench.storage.records.files import GROUP
from cytobench.storage.stage_kind import StageKind
from cytobench.storage.store import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

PREDICTED = 256
"""Images predicted at most where a prediction is timed."""

_PARTS: tuple[tuple[str, Literal["val", "test"]], ...] = (("validation", "val"), ("test", "test"))
"""The splits, and the parts of a fold that they are."""


@dataclass(frozen=True)
class PredictStage:
    """Predict the evaluation splits with one checkpoint each."""

    kind: ClassVar[StageKind] = StageKind.PREDICT
    key: str
    work: Work
    train_key: str
    splits: Mapping[str, Images]
    paths: Mapping[str, Sequence[str]]
    checkpoints: Mapping[str, str]
    """``picked`` or ``last``, by split."""
    groups: Mapping[str, Sequence[int | None]] = field(default_factory=dict)
    """The number of each image's group, by split; empty where the data set names none."""

    def run(self, services: Services) -> dict[str, Any]:
        """Predict; the report holds ``predictions``, a table as interface.md describes, and ``ran``."""
        entry = Store(self.work.store).find(StageKind.TRAIN, self.train_key)
        if entry is None:
            raise CytobenchError(f"the checkpoint {self.train_key[:12]} is gone from {self.work.store}.")
        import pandas as pd

        watch = Stopwatch(self.work.device)
        tables: list[pd.DataFrame] = []
        classifier = self.work.make()
        with scratch() as folder, watch.stage():
            context = self.work.context(folder, services, watch)
            for which in sorted(set(self.checkpoints.values())):
                with _closing(classifier.open(entry.folder / entry.report[which], context)) as predictor:
                    ran = asdict(predictor.ran)
                    for split, images in self.splits.items():
                        if self.checkpoints[split] == which:
                            probabilities = predictor.predict_proba(images)
                            tables.append(self._table(split, images, probabilities))
        self.work.refuse_changes()
        table = pd.concat(tables, ignore_index=True)
        report = stage_report(self.kind, self.key, None, self.work, watch, len(table))
        return {**report, "predictions": table, "ran": ran}

    def _table(self, split: str, images: Images, probabilities: NDArray[np.float32]) -> pd.DataFrame:
        import pandas as pd

        expected = (len(images), len(images.labels))
        if probabilities.shape != expected or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
            raise CytobenchError(
                f"classifier {self.work.plugin} gave probabilities of shape {probabilities.shape}; they must be "
                f"{expected} with rows that sum to 1."
            )
        names = np.array(images.labels, dtype=object)
        table = pd.DataFrame(
            {
                "path": list(self.paths[split]),
                "split": split,
                "label": images.table["label"].to_numpy(),
                "predicted": names[probabilities.argmax(axis=1)],
                "synthetic": images.table["synthetic"].to_numpy(),
            }
        )
        columns: dict[str, Any] = {f"p_{label}": probabilities[:, i] for i, label in enumerate(images.labels)}
        if split in self.groups:
            columns[GROUP] = pd.array(list(self.groups[split]), dtype="Int64")
        return pd.concat([table, pd.DataFrame(columns)], axis=1)


@contextmanager
def _closing(predictor: Any) -> Iterator[Any]:
    try:
        yield predictor
    finally:
        predictor.close()


@dataclass(frozen=True, eq=False)
class PlannedPrediction(PlannedStage):
    """The prediction of a trial's validation and test images; the store keeps nothing of it."""

    kind: ClassVar[StageKind] = StageKind.PREDICT
    owner: ClassVar[str] = "classifier"
    training: PlannedTraining
    fidelities: tuple[PlannedFidelity, ...]
    """What the trial's record holds besides."""
    copies: PlannedCopies | None
    """The comparison of its synthetic images with all real ones; None for N = 0."""
    title: str

    @property
    def planner(self) -> Planner:  # type: ignore[override]
        """What it is planned with."""
        return self.training.planner

    @property
    def trial(self) -> Trial:
        """The trial it is the last stage of."""
        return self.training.trial

    @property
    def ready(self) -> ReadyClassifier:  # type: ignore[override]
        return self.trial.arm.classifier

    @property
    def fold(self) -> Fold:
        """The division of images that it predicts."""
        return self.training.fold

    @property
    def sample(self) -> PlannedSample | None:
        """The sampling of the images that it predicts; None where no synthetic ones are among them."""
        parts = self.fold.synthetic
        return self.training.sample if any(parts.get(part) for _, part in _PARTS) else None

    @property
    def needs(self) -> tuple[PlannedStage, ...]:
        needs = (self.training, self.sample, self.copies)
        return tuple(stage for stage in needs if stage is not None)

    @property
    def kept(self) -> bool:
        """Whether the store holds all that it is made from, but for the comparison with real images."""
        stages = (self.training, self.training.sample, *self.fidelities)
        return all(stage.state is State.PRESENT for stage in stages if stage is not None)

    @property
    def awaits(self) -> tuple[PlannedStage, ...]:
        return self.fidelities

    @property
    def state(self) -> State:
        return State.MISSING

    @cached_property
    def key(self) -> str:
        """The content address of the record, which this is the last stage of."""
        return content_key("record", self.inputs())

    def inputs(self) -> dict[str, Any]:
        planner, fold, external = self.planner, self.fold, self.planner.external
        protocol = planner.protocol
        outside = None if external is None else external.table[["label", "digest"]].to_numpy().tolist()
        return {
            **({} if outside is None else {"external": CanonicalJson.of(outside)}),
            "train": self.training.key,
            "test": planner.contents(fold.test),
            "test_synthetic": synthetic_inputs(self.sample, fold, "test"),
            "protocol": [protocol.name, protocol.version, protocol.switches],
            "folds": planner.folds,
            "fold": self.trial.fold,
            "train_only": sorted(planner.train_only),
        }

    @property
    def amount(self) -> Amount:
        planner, fold = self.planner, self.fold
        images = 0 if planner.external is None else len(planner.external)
        for _, part in _PARTS:
            rows = self._rows(part)
            images += len(planner.scored(rows)) + sum(map(len, fold.synthetic.get(part, {}).values()))
            images += len(rows) if planner.protocol.clean_beside else 0
        return Amount(images=images)

    @classmethod
    def size_of_another(cls, there: int, size: int) -> float | None:
        return 0.0  # records and predictions lie outside the store

    def pieces(self, reasons: Reasons) -> Iterator[Piece]:
        """The record; why it is not there is for the trial to say."""
        yield Piece(self.key, False, 0, self.amount, "")

    @classmethod
    def recorded(cls, resolved: Resolved, record: Record, report: StageReport) -> tuple[str, Amount] | None:
        ready = recorded_classifier(resolved, record)
        if ready is None or not same_settings(plain_settings(ready.config), record.classifier.config):
            return None
        return ready.name, Amount(images=report.images or 0)

    def build(self) -> PredictStage:
        planner, ready = self.planner, self.ready
        splits, paths = self._splits()
        tested = {"validation": "picked", "test": planner.protocol.tested, EXTERNAL: planner.protocol.tested}
        return PredictStage(
            self.key,
            planner.work(ready, (ready.config,), planner.train_seed(self.trial), ready.needs.assets),
            self.training.key,
            splits,
            paths,
            {split: tested[split.removesuffix("_real")] for split in splits},
            self._groups(splits),
        )

    def _rows(self, part: Literal["val", "test"]) -> Rows:
        return self.fold.val if part == "val" else self.fold.test

    def _splits(self) -> tuple[dict[str, Images], dict[str, list[str]]]:
        """The images of each split, and their paths."""
        planner, protocol = self.planner, self.planner.protocol
        sampled = None if self.sample is None else self.sample.images
        table = planner.dataset.table["path"]
        splits, paths = {}, {}
        for split, part in _PARTS:
            rows, indices = self._rows(part), self.fold.synthetic.get(part, {})
            scored = planner.scored(rows)
            splits[split] = planner.images(scored, "classifier", planner.view(part, self.trial), sampled, indices)
            paths[split] = list(table.iloc[scored])
            paths[split] += [synthetic_path(label, int(index)) for label in indices for index in indices[label]]
            if protocol.clean_beside:
                splits[f"{split}_real"] = planner.images(rows, "classifier", protocol.view)
                paths[f"{split}_real"] = list(table.iloc[rows])
        if planner.external is not None:
            splits[EXTERNAL] = planner.external_images(planner.external)
            paths[EXTERNAL] = list(planner.external.table["path"])
        return splits, paths

    def _groups(self, splits: Mapping[str, Images]) -> dict[str, list[int | None]]:
        """The number of each image's group by split, in the order of the groups' names; empty if there are none.

        Real images come first. Names stay in the data set: they may be those of patients.
        """
        planner = self.planner
        names = planner.dataset.table["group"]
        if names.isna().all():
            return {}
        numbers = [None if number < 0 else int(number) for number in pd.factorize(names, sort=True)[0]]
        groups = {}
        for split, images in splits.items():
            if split == EXTERNAL:
                continue
            rows = self._rows("val" if split.startswith("validation") else "test")
            real = [numbers[row] for row in (rows if split.endswith("_real") else planner.scored(rows))]
            groups[split] = real + [None] * (len(images) - len(real))
        return groups


def plan_prediction(
    training: PlannedTraining, fidelities: Sequence[PlannedFidelity], copies: PlannedCopies | None
) -> PlannedPrediction:
    """The prediction by a trial's trained classifier, whose record holds these fidelities and copies besides."""
    title = f"predict {training.trial.arm.row} {training.planner.place(training.trial.fold)}"
    return PlannedPrediction(training, tuple(fidelities), copies, title)



def time_prediction(planned: PlannedPrediction, folder: Path, train_key: str) -> Cost:
    """Time one split by a training of a store of its own; every split is opened and predicted alike."""
    stage, split = planned.build(), "validation"
    images = stage.splits[split]
    real = [row for row, synthetic in enumerate(images.table["synthetic"]) if not synthetic]
    rows = spread(real, PREDICTED)
    brief = replace(
        stage,
        work=replace(stage.work, store=folder),
        train_key=train_key,
        splits={split: images.take(rows)},
        paths={split: [stage.paths[split][row] for row in rows]},
        checkpoints={split: stage.checkpoints[split]},
        groups={},
    )
    report = min((run_stage(brief) for _ in range(2)), key=lambda report: float(report["seconds"]))
    load = report["parts"].get("load", 0.0)
    opened = len(set(stage.checkpoints.values()))
    return Cost(stage=load * opened, image=(report["seconds"] - load) / len(rows), stage_bytes=0)
