"""Comparisons as plain values for JSON; docs/statistics.md names the keys."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cytobench.analysis.comparison.baselines import Baselines
from cytobench.analysis.comparison.candidates import Candidate, primary, validated
from cytobench.analysis.comparison.headline import DeclaredFamily, DeclaredPair
from cytobench.analysis.comparison.pair import Comparison, OverFolds
from cytobench.metrics.statistics.classes import ClassScore
from cytobench.metrics.statistics.images import PERMUTATIONS, RESAMPLES


def compared_values(compared: Comparison | list[DeclaredFamily]) -> dict[str, Any]:
    """What ``cytobench compare`` found: of two rows, or of the declared comparisons of each section."""
    if isinstance(compared, Comparison):
        return comparison_values(compared)
    return {"sections": [family_values(family) for family in compared]}


def comparison_values(found: Comparison) -> dict[str, Any]:
    """A comparison of two rows."""
    seed_known = bool(found.a.section.seeds)
    return {
        "a": _row(found.a),
        "b": _row(found.b),
        "section": found.a.section.title,
        "split": found.split,
        "metric": found.metric,
        "places": [{"seed": where.seed if seed_known else None, "fold": where.fold} for where in found.places],
        "remarks": list(found.remarks),
        "ratio": found.ratio,
        "n_images": found.n_images,
        "n_groups": found.n_groups,
        "over_folds": {metric: _folds(one) for metric, one in found.folds.items()},
        "over_images": {
            "unit": "image" if found.n_groups is None else "group",
            "resamples": RESAMPLES,
            "permutations": PERMUTATIONS,
            **{metric: asdict(one) for metric, one in found.images.items()},
        },
        "mcnemar": [{**asdict(one), "seed": one.seed if seed_known else None} for one in found.mcnemar],
        "classes": {a.label: _classes(a, b) for a, b in found.classes},
        "gain_and_cost": None if found.cost is None else asdict(found.cost),
        "declared": None if found.declared is None else _pair(found.declared),
    }


def family_values(family: DeclaredFamily) -> dict[str, Any]:
    """What a section declares, compared."""
    return {
        "section": family.section[0].section.title,
        "analysis": family.analysis.model_dump(mode="json"),
        "late": family.late,
        "baselines": {one.plugin: _baselines(one, family.analysis.metric) for one in family.baselines},
        "absent_baselines": list(family.absent),
        "headline": [
            {**_pair(one.pair), "gain_and_cost": None if one.cost is None else asdict(one.cost)}
            for one in family.headline
        ],
        "comparisons": [_pair(pair) for pair in family.pairs],
    }


def _pair(pair: DeclaredPair) -> dict[str, Any]:
    return {
        "row": _row(pair.row),
        "reference": _row(pair.reference),
        "against": "reference" if pair.baselines is None else "best baseline",
        "difference": None if pair.difference is None else asdict(pair.difference),
        "p_holm": pair.p_holm,
        "family": pair.family,
        "chosen_on_validation": pair.chosen,
        "verdict": pair.verdict,
        "why": pair.why,
    }


def _baselines(found: Baselines, metric: str) -> dict[str, Any]:
    return {
        "best": None if found.best is None else _row(found.best),
        "among": [
            {**_row(one), "validation": validated(one, primary(one.section, metric)[1])} for one in found.among
        ],
        "left_out": [{**_row(one), "why": why} for one, why in found.left_out],
    }


def _row(one: Candidate) -> dict[str, Any]:
    makers = [maker._asdict() for maker in one.row.makers]
    return {
        "row": one.row.row,
        "settings": one.row.settings,
        "complete": one.row.complete,
        "distributions": makers,
    }


def _folds(over: OverFolds) -> dict[str, Any]:
    return {"a": over.a, "b": over.b, "difference": None if over.difference is None else asdict(over.difference)}


def _classes(a: ClassScore, b: ClassScore) -> dict[str, Any]:
    both = {name: {"recall": asdict(one.recall), "f1": asdict(one.f1)} for name, one in (("a", a), ("b", b))}
    return {"images": a.images, "groups": a.groups, **both}
