"""The reference line of every section: always guessing the most frequent class of the training part."""

from __future__ import annotations

from collections.abc import Sequence

from cytobench.analysis.leaderboard.model import Aggregate, Replicate, ScoreKey
from cytobench.analysis.leaderboard.rows import aggregate, replicate_of
from cytobench.metrics.built_in import STUDY
from cytobench.metrics.metric import Metric
from cytobench.metrics.scoring import scores
from cytobench.storage.records import Record


def majority(
    records: Sequence[Record], splits: Sequence[str], metrics: Sequence[Metric] = STUDY
) -> dict[ScoreKey, Aggregate]:
    """Scores of the constant guess over the folds on record, from the class counts alone.

    With a share s of the guessed class among n images of c evaluated classes, accuracy is s, macro F1 is
    2 s / (1 + s) / c (all other classes have 0), and a constant score has an AUC of 0.5. Other metrics of predicted
    classes are computed of a guess for each image; those of probabilities are left out, for a guess has none.
    """
    others = [metric for metric in metrics if metric not in STUDY and not metric.spec.needs_probabilities]
    replicates = {replicate_of(record): record for record in records if "train" in record.splits}
    values: dict[ScoreKey, dict[Replicate, float]] = {}
    for where, record in sorted(replicates.items()):
        train = {label: record.splits["train"].get(label, 0) for label in record.evaluated}
        if not any(train.values()):
            continue  # synthetic images alone train, all classes with the same number
        guess = max(train, key=lambda label: train[label])
        for split in splits:
            if record.protocol.switches.get("pooled") and not split.endswith("_real"):
                continue  # the counts are of real images alone
            counts = record.splits.get(split.removesuffix("_real"), {})
            total = sum(counts.values())
            if not total:
                continue
            share = counts.get(guess, 0) / total
            values.setdefault((split, "accuracy"), {})[where] = share
            values.setdefault((split, "f1_macro"), {})[where] = 2 * share / (1 + share) / len(train)
            if sum(count > 0 for count in counts.values()) > 1:
                values.setdefault((split, "auc_macro"), {})[where] = 0.5
            if others:
                true = [label for label in train for _ in range(counts.get(label, 0))]
                guessed = scores(list(train), true, [guess] * len(true), None, [], others).values
                for name, value in guessed.items():
                    if value is not None:
                        values.setdefault((split, name), {})[where] = value
    return {key: aggregate(of_key) for key, of_key in values.items()}
