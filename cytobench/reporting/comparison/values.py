"""Comparisons as plain values for JSON; docs/statistics.md names the keys."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cytobench.analysis.comparison.baselines import Baselines
from cytobench.analysis.comparison.candidates import Candidate, primary, validated
from cytobench.analysis.comparison.cost import GainAndCost
from cytobench.analysis.comparison.headline import DeclaredFamily, DeclaredPair
from cytobench.analysis.comparison.pair import Comparison
from cytobench.analysis.outcomes import Outcome
from cytobench.metrics.statistics.classes import ClassScore
from cytobench.metrics.statistics.folds import FoldDifference
from cytobench.metrics.statistics.images import PERMUTATIONS, RESAMPLES
from cytobench.reporting.outcomes import gain_text, no_interval_text, why_not_known

VERDICTS = {
    Outcome.GAIN: "better",
    Outcome.LOSS: "worse",
    Outcome.NO_DIFFERENCE: "not distinguishable",
    Outcome.NOT_KNOWN: "not known",
}
"""The words of the key ``verdict``."""


def compared_values(compared: Comparison | list[DeclaredFamily]) -> dict[str, Any]:
    """What ``cytobench compare`` found: of two rows, or of the declared comparisons of each section."""
    if isinstance(compared, Comparison):
        return comparison_values(compared)
    return {"sections": [family_values(family) for family in compared]}


def comparison_values(comparison: Comparison) -> dict[str, Any]:
    """A comparison of two rows."""
    seed_known = bool(comparison.a.section.seeds)
    return {
        "a": _row(comparison.a),
        "b": _row(comparison.b),
        "section": comparison.a.section.title,
        "split": comparison.split,
        "metric": comparison.metric,
        "places": [{"seed": where.seed if seed_known else None, "fold": where.fold} for where in comparison.replicates],
        "remarks": list(comparison.remarks),
        "ratio": comparison.ratio,
        "n_images": comparison.n_images,
        "n_groups": comparison.n_groups,
        "over_folds": {
            metric: {"a": over.a, "b": over.b, "difference": _difference(over.difference)}
            for metric, over in comparison.folds.items()
        },
        "over_images": {
            "unit": "image" if comparison.n_groups is None else "group",
            "resamples": RESAMPLES,
            "permutations": PERMUTATIONS,
            **{metric: asdict(over) for metric, over in comparison.images.items()},
        },
        "mcnemar": [{**asdict(test), "seed": test.seed if seed_known else None} for test in comparison.mcnemar],
        "classes": {a.label: _classes(a, b) for a, b in comparison.classes},
        "gain_and_cost": _cost(comparison.cost),
        "declared": None if comparison.declared is None else _pair(comparison.declared),
    }


def family_values(family: DeclaredFamily) -> dict[str, Any]:
    """What a section declares, compared."""
    metric = family.analysis.metric
    return {
        "section": family.section[0].section.title,
        "analysis": family.analysis.model_dump(mode="json"),
        "late": family.late,
        "baselines": {baselines.plugin: _baselines(baselines, metric) for baselines in family.baselines},
        "absent_baselines": list(family.absent),
        "headline": [{**_pair(headline.pair), "gain_and_cost": _cost(headline.cost)} for headline in family.headline],
        "comparisons": [_pair(pair) for pair in family.pairs],
    }


def _pair(pair: DeclaredPair) -> dict[str, Any]:
    return {
        "row": _row(pair.row),
        "reference": _row(pair.reference),
        "against": "reference" if pair.baselines is None else "best baseline",
        "difference": _difference(pair.difference),
        "p_holm": pair.p_holm,
        "family": pair.family,
        "chosen_on_validation": pair.chosen,
        "verdict": VERDICTS[pair.conclusion.outcome],
        "outcome": pair.conclusion.outcome,
        "why": why_not_known(pair.conclusion),
    }


def _difference(difference: FoldDifference | None) -> dict[str, Any] | None:
    if difference is None:
        return None
    values = asdict(difference)
    del values["no_interval"]
    return {**values, "why": no_interval_text(difference)}


def _cost(cost: GainAndCost | None) -> dict[str, Any] | None:
    if cost is None:
        return None
    return {
        "gain": _difference(cost.gain),
        "hours": cost.hours,
        "hours_per_step": cost.hours_per_step,
        "outcome": cost.conclusion.outcome,
        "words": gain_text(cost),
    }


def _baselines(baselines: Baselines, metric: str) -> dict[str, Any]:
    return {
        "best": None if baselines.best is None else _row(baselines.best),
        "among": [
            {**_row(row), "validation": validated(row, primary(row.section, metric)[1])} for row in baselines.among
        ],
        "left_out": [{**_row(row), "why": why} for row, why in baselines.left_out],
    }


def _row(candidate: Candidate) -> dict[str, Any]:
    row = candidate.row
    makers = [maker._asdict() for maker in row.makers]
    return {"row": row.row, "settings": row.settings, "complete": row.complete, "distributions": makers}


def _classes(a: ClassScore, b: ClassScore) -> dict[str, Any]:
    both = {name: {"recall": asdict(score.recall), "f1": asdict(score.f1)} for name, score in (("a", a), ("b", b))}
    return {"images": a.images, "groups": a.groups, **both}
