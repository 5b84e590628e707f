"""The stage ``predict``: the evaluation splits predicted by a trained classifier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cytobench.errors import CytobenchError
from cytobench.images import Images
from cytobench.metrics.timing import Stopwatch
from cytobench.pipeline.stages.base import Services, Work, scratch, stage_report
from cytobench.storage.records.files import GROUP
from cytobench.storage.store import Store

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True)
class PredictStage:
    """Predict the evaluation splits with one checkpoint each."""

    kind: ClassVar[str] = "predict"
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
        entry = Store(self.work.store).find("train", self.train_key)
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
