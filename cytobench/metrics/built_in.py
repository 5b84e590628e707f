"""The built-in metrics, offered by the same hook as those of plugins.

Their names are their own: a plugin's metric of the same name is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import import_module

from cytobench.contract import CONTRACT, MetricFunction, MetricSpec, hookimpl
from cytobench.metrics.metric import Metric

_CLASSES = "cytobench.metrics.classification"
_CALIBRATION = "cytobench.metrics.calibration"


def _spec(
    name: str,
    module: str,
    title: str,
    summary: str,
    range: tuple[float | None, float | None] = (0, 1),
    *,
    higher_is_better: bool = True,
    needs_probabilities: bool = False,
    of_one_class: bool = False,
) -> MetricSpec:
    return MetricSpec(
        name=name,
        summary=summary,
        contract=CONTRACT,
        revision=1,
        factory=f"{module}:{name}",
        title=title,
        range=range,
        higher_is_better=higher_is_better,
        needs_probabilities=needs_probabilities,
        of_one_class=of_one_class,
    )


SPECS = (
    _spec("accuracy", _CLASSES, "accuracy", "Share of right predictions."),
    _spec("f1_macro", _CLASSES, "macro F1", "Mean F1 over the classes, each with the same weight."),
    _spec(
        "auc_macro",
        _CLASSES,
        "AUC",
        "Mean over the classes of the area under the ROC curve of each against the rest.",
        needs_probabilities=True,
    ),
    _spec("balanced_accuracy", _CLASSES, "balanced accuracy", "Mean recall over the classes present."),
    _spec("mcc", _CLASSES, "MCC", "Matthews' correlation coefficient; 0 for a constant guess.", (-1, 1)),
    _spec("f1_weighted", _CLASSES, "weighted F1", "Mean F1 over the classes, each with the weight of its images."),
    _spec(
        "ece",
        _CALIBRATION,
        "ECE",
        "Expected calibration error: how far confidence is from accuracy, over 15 bins.",
        higher_is_better=False,
        needs_probabilities=True,
    ),
    _spec(
        "log_loss",
        _CALIBRATION,
        "log loss",
        "Mean of -ln of the probability of the true class.",
        (0, None),
        higher_is_better=False,
        needs_probabilities=True,
    ),
    _spec("recall", _CLASSES, "recall", "Of one class (recall:LABEL): share of its images found.", of_one_class=True),
    _spec(
        "precision",
        _CLASSES,
        "precision",
        "Of one class (precision:LABEL): share of its predictions that are right.",
        of_one_class=True,
    ),
    _spec("f1", _CLASSES, "F1", "Of one class (f1:LABEL): F1.", of_one_class=True),
)


def _load(factory: str) -> MetricFunction:
    module, _, name = factory.partition(":")
    function: MetricFunction = getattr(import_module(module), name)
    return function


BUILT_IN = {spec.name: Metric(spec.name, spec, partial(_load, spec.factory)) for spec in SPECS}
STUDY = tuple(BUILT_IN[name] for name in ("accuracy", "f1_macro", "auc_macro"))
"""The metrics of the CytoDiff study, which every table shows."""
OF_ALL_CLASSES = tuple(metric for metric in BUILT_IN.values() if not metric.spec.of_one_class)


@hookimpl
def cytobench_metrics() -> Sequence[MetricSpec]:
    """All of them."""
    return SPECS
