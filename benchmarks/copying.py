"""How often does the copying test speak up, where it should and where it should not? Simulated, on one core.

    python benchmarks/copying.py [--runs N] [--json FILE]

In two spaces (benchmarks/copied_cells.py). Cells are drawn once; every run takes others of them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binomtest

from copied_cells import (
    OF_PATIENT,
    PATIENTS,
    SEED,
    Patients,
    Pool,
    Vectors,
    normal_patients,
    normal_pool,
    phantom_patients,
    phantom_pool,
)
from cytobench.metrics.copying import Copying, Features, detect_copying, holm
from cytobench.metrics.copying.model import LEVEL
from cytobench.metrics.copying.neighbours import near_duplicates, nearest_ratios
from cytobench.metrics.copying.permutation import Stratum, permute
from cytobench_phantom.morphology import LABELS

SHOTS, HELD_OUT = 16, 100
COUNTS = (20, 100)
"""Synthetic images of a class."""
FEW = LABELS[::4]
"""The classes of the runs that need drawings of their own."""


@dataclass(frozen=True)
class Row:
    """Shares of runs with p at most 0.05, among all runs, and the 95 % interval of the combined one."""

    what: str
    space: str
    n: int
    runs: int
    testable: float
    by_sum: float | None
    by_max: float | None
    combined: float
    low: float
    high: float


def drawn(rng: np.random.Generator, pool: Pool, held_out: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which cells are shots and which held out, at random."""
    order = rng.permutation(len(pool.real))
    return order[:SHOTS], order[SHOTS : SHOTS + held_out]


def mixture(
    rng: np.random.Generator, pool: Pool, n: int, shots: NDArray[np.int64], copies: int, of_one_shot: bool, exact: bool
) -> Vectors:
    """``n`` synthetic cells: ``copies`` of shots (of one, or spread over them), the rest fresh."""
    fresh = pool.fresh[rng.choice(len(pool.fresh), n - copies, replace=False)]
    copied = np.full(copies, shots[0]) if of_one_shot else shots[np.arange(copies) % len(shots)]
    return np.concatenate([(pool.real if exact else pool.altered)[copied], fresh])


Trial = Callable[[np.random.Generator, int, int], Copying]
"""One run, from its own random numbers, its number and the number of synthetic cells."""


def copies(
    pools: Sequence[Pool], share: float, of_one_shot: bool = False, exact: bool = True, held_out: int = HELD_OUT
) -> Trial:
    """Runs in which this share of the synthetic cells are copies."""

    def trial(rng: np.random.Generator, run: int, n: int) -> Copying:
        pool = pools[run % len(pools)]
        shots, others = drawn(rng, pool, held_out)
        synthetic = mixture(rng, pool, n, shots, round(share * n), of_one_shot, exact)
        real = pool.real
        return detect_copying(Features(real[shots]), Features(real[others]), Features(synthetic), chosen=None, seed=run)

    return trial


def twins(pools: Sequence[Pool], rule: bool) -> Trial:
    """Runs in which every real cell has a near-twin and 5 % are altered copies; with or without the rule for d2."""

    def trial(rng: np.random.Generator, run: int, n: int) -> Copying:
        pool = pools[run % len(pools)]
        order = rng.permutation(len(pool.real))
        shots, others = order[: SHOTS // 2], order[SHOTS // 2 : (SHOTS + HELD_OUT) // 2]
        synthetic = mixture(rng, pool, n, shots, round(0.05 * n), False, False)
        real_parts = [np.concatenate([pool.real[rows], pool.twins[rows]]) for rows in (shots, others)]
        result = detect_copying(
            Features(real_parts[0]), Features(real_parts[1]), Features(synthetic), chosen=None, seed=run
        )
        if rule:
            return result
        real = np.concatenate(real_parts)
        nearest, ratios = nearest_ratios(synthetic, real, np.arange(len(real)), None)
        units = near_duplicates(real, None, None)
        return relabelled(result, units, units[: len(real_parts[0])], units[nearest], ratios, run)

    return trial


def relabelled(
    result: Copying,
    units: NDArray[np.int64],
    shot_units: NDArray[np.int64],
    nearest_units: NDArray[np.int64],
    ratios: Vectors,
    seed: int,
) -> Copying:
    """The result as it would be with other ratios or other units moving."""
    weights = np.bincount(nearest_units, -np.log(ratios) * 1e9, minlength=units.max() + 1).astype(np.int64)
    stratum = Stratum(weights, np.isin(np.arange(len(weights)), shot_units))
    tested = permute([stratum], 999, seed)
    return replace(
        result, testable=True, reason=None, p_value=tested.p_sum, p_max=tested.p_max, p_combined=tested.p_combined
    )


def some_twins(pools: Sequence[Pool]) -> Trial:
    """Honest runs where a fifth of the cells has a near-twin and shots are drawn among cells, not among pairs."""

    def trial(rng: np.random.Generator, run: int, n: int) -> Copying:
        pool = pools[run % len(pools)]
        order = rng.permutation(len(pool.real))[: round((SHOTS + HELD_OUT) / 1.2)]
        cells = np.concatenate([pool.real[order], pool.twins[order[: len(order) // 5]]])
        cells = cells[rng.permutation(len(cells))]
        synthetic = mixture(rng, pool, n, order, 0, False, True)
        return detect_copying(
            Features(cells[:SHOTS]), Features(cells[SHOTS:]), Features(synthetic), chosen=None, seed=run
        )

    return trial


def patients(pools: Sequence[Patients], shared: bool, how: str) -> Trial:
    """Honest runs of a generator that has learned the look of the shots' patients and draws fresh cells of it.

    ``shared``: shots and held-out cells are of the same 6 patients, else shots of 4 and held-out cells of the 20
    others. ``how``: ``groups`` are given, left ``unknown``, or ``moved`` as wholes.
    """

    def trial(rng: np.random.Generator, run: int, n: int) -> Copying:
        pool = pools[run % len(pools)]
        people = rng.permutation(PATIENTS)
        if shared:
            cells = [(p, i) for p in people[:6] for i in range(OF_PATIENT)]
            order = [cells[i] for i in rng.permutation(len(cells))]
            shots, held_out = order[:SHOTS], order[SHOTS:]
        else:
            shots = [(p, i) for p in people[:4] for i in range(SHOTS // 4)]
            held_out = [(p, i) for p in people[4:] for i in range(HELD_OUT // (PATIENTS - 4))]
        looks = [shots[i][0] for i in rng.integers(0, len(shots), n)]
        synthetic = np.stack([pool.fresh[p, rng.integers(OF_PATIENT)] for p in looks])
        shot_cells, held_out_cells = (np.stack([pool.real[cell] for cell in part]) for part in (shots, held_out))
        shot_groups, held_out_groups = (
            [str(p) for p, _ in part] if how != "unknown" else None for part in (shots, held_out)
        )
        result = detect_copying(
            Features(shot_cells, shot_groups),
            Features(held_out_cells, held_out_groups),
            Features(synthetic),
            chosen=None,
            seed=run,
        )
        if how != "moved":
            return result
        groups = np.array([p for p, _ in [*shots, *held_out]])
        nearest, ratios = nearest_ratios(synthetic, np.concatenate([shot_cells, held_out_cells]), groups, groups)
        return relabelled(result, groups, groups[: len(shots)], groups[nearest], ratios, run)

    return trial


def measured(what: str, space: str, n: int, runs: int, trial: Trial) -> Row:
    """Repeat a trial and count."""
    results = [trial(np.random.default_rng([SEED, run]), run, n) for run in range(runs)]

    def share(name: str) -> float:
        return float(np.mean([(getattr(result, name) or 1) <= LEVEL for result in results]))

    interval = binomtest(round(share("p_combined") * runs), runs).proportion_ci()
    return Row(
        what,
        space,
        n,
        runs,
        testable=float(np.mean([result.testable for result in results])),
        by_sum=share("p_value"),
        by_max=share("p_max"),
        combined=share("p_combined"),
        low=float(interval.low),
        high=float(interval.high),
    )


def over_classes(space: str, pools: Sequence[Pool], n: int, runs: int) -> Row:
    """Honest runs over 15 classes: in how many is copying found in any class after Holm's correction."""
    honest, classes = copies(pools, 0), len(LABELS)
    n_found = 0
    for run in range(runs):
        results = {
            label: honest(np.random.default_rng([SEED, run, k]), run * classes + k, n) for k, label in enumerate(LABELS)
        }
        n_found += any((result.p_holm or 1) <= LEVEL for result in holm(results).values())
    interval = binomtest(n_found, runs).proportion_ci()
    what = "honest, any of 15 classes after Holm"
    return Row(what, space, n, runs, 1.0, None, None, n_found / runs, float(interval.low), float(interval.high))


def rows(space: str, pools: Sequence[Pool], people: Sequence[Patients], runs: int) -> list[Row]:
    """All rows of one space."""
    trials: list[tuple[str, Trial]] = [
        ("honest", copies(pools, 0)),
        ("5 % exact copies, spread", copies(pools, 0.05)),
        ("5 % altered copies, spread", copies(pools, 0.05, exact=False)),
        ("20 % altered copies, spread", copies(pools, 0.2, exact=False)),
        ("5 % exact copies of one shot", copies(pools, 0.05, of_one_shot=True)),
        ("20 % exact copies of one shot", copies(pools, 0.2, of_one_shot=True)),
        ("all cells with a twin, 5 % altered copies", twins(pools, True)),
        ("the same, twins count for d2", twins(pools, False)),
        ("honest, a fifth of the cells with a twin", some_twins(pools)),
        ("look of shots' patients, others held out", patients(people, False, "groups")),
        ("others held out, patients unknown", patients(people, False, "unknown")),
        ("others held out, whole patients permuted", patients(people, False, "moved")),
        ("look of shots' patients, same held out", patients(people, True, "groups")),
        ("same held out, patients unknown", patients(people, True, "unknown")),
    ]
    if space == "normal":
        many_held_out = copies(pools, 0.05, of_one_shot=True, held_out=400)
        trials.append(("5 % exact copies of one shot, 400 held out", many_held_out))
    measured_rows = []
    for n in COUNTS:
        for what, trial in trials:
            measured_rows.append(measured(what, space, n, runs, trial))
            show(measured_rows[-1])
        measured_rows.append(over_classes(space, pools, n, runs))
        show(measured_rows[-1])
    return measured_rows


def show(row: Row) -> None:
    """Print a row."""
    shares = " ".join("     -" if x is None else f"{x:6.3f}" for x in (row.by_sum, row.by_max, row.combined))
    line = f"{row.space:8} {row.n:4} {row.what:46} {row.testable:8.2f} {shares}  {row.low:.3f}-{row.high:.3f}"
    print(line, flush=True)


def main() -> None:
    """Simulate, print, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300, help="of each row (default: 300)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    start = time.perf_counter()
    torch.set_num_threads(1)
    print(f"{'space':8} {'n':>4} {'generator':46} {'testable':>8} {'sum':>6} {'max':>6} {'both':>6}  95 %")
    all_rows = rows("normal", [normal_pool(SEED)], [normal_patients(SEED)], options.runs)
    pools = [phantom_pool(label) for label in LABELS]
    people = [phantom_patients(label) for label in FEW]
    all_rows += rows("phantom", pools, people, options.runs)
    figures: dict[str, Any] = {
        "rows": [asdict(row) for row in all_rows],
        "seconds": round(time.perf_counter() - start, 1),
    }
    print(f"{figures['seconds']} s in all")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
