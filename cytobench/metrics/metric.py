"""What a metric is called, and which direction is better: all that tables, ranks and comparisons need of one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A score of predictions, whatever computes it."""

    name: str
    """In files and options: ``f1_macro``."""
    long_name: str
    """In texts and tables: ``macro F1``."""
    higher_is_better: bool = True
    digits: int = 3
    """Digits that tables print, by which ranks are shared too."""

    def goodness(self, value: float) -> float:
        """The value, or its negative where lower is better: of two rows the better one has the greater."""
        return value if self.higher_is_better else -value


ACCURACY = Metric("accuracy", "accuracy")
F1_MACRO = Metric("f1_macro", "macro F1")
AUC_MACRO = Metric("auc_macro", "AUC")
SHOWN = (ACCURACY, F1_MACRO, AUC_MACRO)
"""The study's three: those that tables show without being asked."""


def find_metric(name: str) -> Metric:
    """The metric of a name; one that is not known goes by its name, and higher is better."""
    return next((metric for metric in SHOWN if metric.name == name), Metric(name, name))
