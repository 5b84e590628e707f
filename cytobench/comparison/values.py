"""Comparisons as plain values for JSON; docs/statistics.md names the keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cytobench.comparison.candidates import Candidate
from cytobench.comparison.headline import DeclaredPair
from cytobench.comparison.pair import Comparison, OverFolds
from cytobench.statistics.classes import ClassScore
from cytobench.statistics.images import PERMUTATIONS, RESAMPLES


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
        "declared": None if found.declared is None else declared_values([found.declared])[0],
    }


def declared_values(pairs: Sequence[DeclaredPair]) -> list[dict[str, Any]]:
    """The members of a declared family."""
    return [
        {
            "row": _row(pair.row),
            "reference": _row(pair.reference),
            "difference": None if pair.difference is None else asdict(pair.difference),
            "p_holm": pair.p_holm,
            "family": pair.family,
            "chosen_on_validation": pair.chosen,
            "verdict": pair.verdict,
            "why": pair.why,
        }
        for pair in pairs
    ]


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
