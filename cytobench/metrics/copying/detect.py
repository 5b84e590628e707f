"""The copying test of one class, and Holm's correction over classes. docs/copying.md says why it is valid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cytobench.errors import UserError
from cytobench.metrics.copying.model import LEVEL, Copying, Features, Pair
from cytobench.metrics.copying.neighbours import group_numbers, near_duplicates, nearest_ratios
from cytobench.metrics.copying.permutation import Stratum, permute
from cytobench.metrics.copying.pixels import TRANSFORMS, Prints, differences, prints
from cytobench.metrics.copying.search import Others, seen, thumbnail
from cytobench.metrics.statistics.holm import holm as adjust

PAIRS = 8
"""Pairs that are named, in features and in pixels each."""

UNIT = 1e-9
"""-log r is summed in whole multiples of this."""


def detect_copying(
    shots: Features,
    held_out: Features,
    synthetic: Features,
    *,
    chosen: str | None,
    permutations: int = 999,
    seed: int = 0,
) -> Copying:
    """Test whether the synthetic images of a class lie closer to the shots than to other images like them.

    ``shots`` are what the generator was tuned on, ``held_out`` images of the class that it has not seen. The test
    holds where the shots were drawn from both together at random (within groups, where these are known): pass
    ``chosen=None`` for that, and else how they were chosen ("the sharpest of each class"), which makes the result
    "not testable". Features of all three are from one extractor, the distance is Euclidean; groups and images count
    where shots and held-out images both have them, near-copies where the synthetic ones have images too.

    Memory is quadratic in the real images (8 bytes a pair); some hundreds of held-out images do.

    Raises UserError naming the part for features that are not (n, d), of different d or not finite, for groups,
    digests or images of another number, for groups that only one of shots and held-out images has, and for
    ``permutations`` below 1.
    """
    parts = {"shots": shots, "held-out images": held_out, "synthetic images": synthetic}
    _check(parts, permutations)
    part_prints = {name: None if part.images is None else prints(part.images) for name, part in parts.items()}
    union = _unite(shots, held_out, part_prints["shots"], part_prints["held-out images"])
    empty = next((name for name, part in parts.items() if len(part) == 0), None)
    if empty is not None:
        return _result(parts, part_prints, (), f"there are no {empty}")
    nearest, ratios = nearest_ratios(np.asarray(synthetic.values, np.float64), union.values, union.units, union.groups)
    pairs = _closest_in_features(union, nearest, ratios)
    if chosen is not None:
        reason = f"the shots are chosen ({chosen}), not drawn at random: they may differ from held-out images by that"
        return _result(parts, part_prints, pairs, reason)
    strata = _strata(union, nearest, ratios)
    movable = [stratum for stratum, _ in strata if stratum.movable]
    if not movable:
        return _result(parts, part_prints, pairs, _why_none(union, strata))
    tested = permute(movable, permutations, seed)
    if tested.smallest_p > LEVEL:
        reason = f"{tested.permutations + 1} ways to label the images allow no p below {tested.smallest_p:.2g}"
        return _result(parts, part_prints, pairs, reason)
    return replace(
        _result(parts, part_prints, pairs, None),
        p_value=tested.p_sum,
        p_max=tested.p_max,
        p_combined=tested.p_combined,
        smallest_p=tested.smallest_p,
        smallest_p_one_shot=tested.smallest_p_one_shot,
        permutations=tested.permutations,
        n_shots_tested=sum(count for stratum, count in strata if stratum.movable),
    )


def holm(results: Mapping[str, Copying]) -> dict[str, Copying]:
    """The results of several classes with ``p_holm``, corrected over those that are testable (Holm 1979)."""
    labels = [label for label, result in results.items() if result.testable]
    adjusted = dict(zip(labels, adjust([results[label].p_combined for label in labels]), strict=True))
    return {
        label: replace(result, p_holm=adjusted[label], n_classes=len(labels)) if result.testable else result
        for label, result in results.items()
    }


@dataclass(frozen=True)
class _Union:
    """Shots and held-out images in an order that follows from their features alone."""

    values: NDArray[np.float64]
    shot: NDArray[np.int64]
    """The number of each shot, -1 for a held-out image."""
    units: NDArray[np.int64]
    groups: NDArray[np.int64] | None


def _check(parts: Mapping[str, Features], permutations: int) -> None:
    """Raise UserError for what :func:`detect_copying` refuses."""
    widths = {}
    for name, part in parts.items():
        if part.values.ndim != 2 or part.values.shape[1] == 0:
            raise UserError(f"features of the {name} have the shape {part.values.shape}; (images, features) is needed.")
        widths[name] = part.values.shape[1]
        bad = np.flatnonzero(~np.isfinite(part.values).all(axis=1))
        if len(bad):
            raise UserError(f"features of the {name} are no finite numbers: of {len(bad)} images, first of {bad[0]}.")
        for field, values in (("groups", part.groups), ("digests", part.digests), ("images", part.images)):
            if values is not None and len(values) != len(part):
                raise UserError(f"the {name} are {len(part)} rows of features but {len(values)} {field}.")
    if len(set(widths.values())) > 1:
        numbers = ", ".join(f"{width} of the {name}" for name, width in widths.items())
        raise UserError(f"features differ in number: {numbers}. All must come from one extractor.")
    if (parts["shots"].groups is None) != (parts["held-out images"].groups is None):
        raise UserError("groups are known of the shots or of the held-out images alone; give them for both or neither.")
    if permutations < 1:
        raise UserError(f"{permutations} permutations: at least 1 is needed, and 999 are usual.")


def _unite(shots: Features, held_out: Features, shot_prints: Prints | None, held_out_prints: Prints | None) -> _Union:
    values = np.concatenate([shots.values, held_out.values]).astype(np.float64)
    order = np.lexsort(values.T[::-1])
    shot = np.concatenate([np.arange(len(shots)), np.full(len(held_out), -1)])[order]
    groups = digests = union_prints = None
    if shots.groups is not None and held_out.groups is not None and any([*shots.groups, *held_out.groups]):
        groups = group_numbers([*shots.groups, *held_out.groups])[order]
    if shots.digests is not None and held_out.digests is not None:
        all_digests = [*shots.digests, *held_out.digests]
        digests = [all_digests[i] for i in order]
    if shot_prints is not None and held_out_prints is not None:
        union_prints = np.concatenate([shot_prints, held_out_prints])[order]
    return _Union(values[order], shot, near_duplicates(values[order], digests, union_prints), groups)


def _strata(union: _Union, nearest: NDArray[np.int64], ratios: NDArray[np.float64]) -> list[tuple[Stratum, int]]:
    """The units that may change places, with the number of shots in them: those of the same groups."""
    n_units = int(union.units.max()) + 1
    whole = np.rint(-np.log(ratios) / UNIT).astype(np.int64)
    weights = np.zeros(n_units, dtype=np.int64)
    np.add.at(weights, union.units[nearest], whole)
    shot_counts = np.bincount(union.units[union.shot >= 0], minlength=n_units)
    members: dict[frozenset[int], list[int]] = {}
    for unit in range(n_units):
        groups = frozenset() if union.groups is None else frozenset(union.groups[union.units == unit].tolist())
        members.setdefault(groups, []).append(unit)
    return [
        (Stratum(weights[units], shot_counts[units] > 0), int(shot_counts[units].sum())) for units in members.values()
    ]


def _why_none(union: _Union, strata: list[tuple[Stratum, int]]) -> str:
    """Why no label can move."""
    if union.groups is None:
        return "every held-out image is a near-duplicate of a shot, or all are of each other"
    with_shots = set(union.groups[union.shot >= 0].tolist())
    if with_shots.isdisjoint(union.groups[union.shot < 0].tolist()):
        return (
            "no group has both shots and held-out images, so that images like those groups would pass for copies; "
            "hold out other images of the shots' groups"
        )
    return "in every group with shots all held-out images are near-duplicates of them"


def _result(
    parts: Mapping[str, Features],
    part_prints: Mapping[str, Prints | None],
    pairs: tuple[Pair, ...],
    reason: str | None,
) -> Copying:
    """A result without p-values, with what pixels say."""
    shots, held_out, synthetic = parts.values()
    shot_prints, held_out_prints, synthetic_prints = part_prints.values()
    close, control = None, None
    if synthetic_prints is not None and shot_prints is not None and len(shots) and len(synthetic):
        apart, which = differences(synthetic_prints, shot_prints)
        close = _near_copies(synthetic, shots)
        pairs += _closest_in_pixels(apart, which)
        if held_out_prints is not None and len(held_out):
            control = _near_copies(synthetic, held_out)
    return Copying(
        testable=reason is None,
        reason=reason,
        p_value=None,
        p_max=None,
        p_combined=None,
        p_holm=None,
        n_classes=1,
        smallest_p=None,
        smallest_p_one_shot=None,
        permutations=0,
        n_shots=len(shots),
        n_shots_tested=0,
        n_held_out=len(held_out),
        n_synthetic=len(synthetic),
        near_copies=close,
        near_copies_held_out=control,
        pairs=pairs,
    )


def _near_copies(synthetic: Features, real: Features) -> float:
    """The share of the synthetic images that nearly equal one of the real ones."""
    assert synthetic.images is not None and real.images is not None  # where there are prints
    others = Others(np.stack([thumbnail(real.images[i]) for i in range(len(real))]))
    matches = others.search(np.stack([seen(synthetic.images[i]) for i in range(len(synthetic))]))
    return sum(match is not None for match in matches) / len(synthetic)


def _closest_in_features(union: _Union, nearest: NDArray[np.int64], ratios: NDArray[np.float64]) -> tuple[Pair, ...]:
    at_shot = np.flatnonzero(union.shot[nearest] >= 0)
    first = at_shot[np.argsort(ratios[at_shot], kind="stable")][:PAIRS]
    return tuple(Pair("features", int(i), int(union.shot[nearest[i]]), float(ratios[i])) for i in first)


def _closest_in_pixels(apart: NDArray[np.float32], which: NDArray[np.int64]) -> tuple[Pair, ...]:
    shot = apart.argmin(axis=1)
    distance = apart.min(axis=1)
    first = np.argsort(distance, kind="stable")[:PAIRS]
    return tuple(Pair("pixels", int(i), int(shot[i]), float(distance[i]), TRANSFORMS[which[i, shot[i]]]) for i in first)
