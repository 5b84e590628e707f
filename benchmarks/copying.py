"""How often does the copying test speak up, where it should and where it should not? Simulated, on one core.

    python benchmarks/copying.py [--cells DIR] [--json FILE]

Two spaces: vectors drawn from a normal distribution, and phantom cells (64 px, the pocket CLIP's features, their mean
over the eight flips and rotations). Cells are drawn once; every run takes others of them. ``--cells`` names a folder of
classes of real cells, on which the threshold of near-copies in pixels is measured; without it that is left out.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy.stats import binomtest

from cytobench.assets import AssetReference, resolve_asset
from cytobench.copying import Copying, Features, detect_copying, holm
from cytobench.copying.model import LEVEL
from cytobench.copying.neighbours import near_duplicates, nearest_ratios
from cytobench.copying.permutation import Stratum, permute
from cytobench.copying.pixels import TRANSFORMS, differences, prints, transform
from cytobench.decode import decode_image
from cytobench_openclip.config import CUSTOM, POCKET
from cytobench_openclip.model import load_clip
from cytobench_phantom.dataset import draw
from cytobench_phantom.morphology import LABELS

SEED = 7
SIDE = 64
WIDTH = 20
"""Dimensions of the normal vectors."""
SHOTS, HELD_OUT = 16, 100
COUNTS = (20, 100)
"""Synthetic images of a class."""
POOL = 240
"""Cells of a class that shots and held-out ones are drawn from; as many are fresh."""
PATIENTS, OF_PATIENT = 24, 20
FEW = LABELS[::4]
"""The classes of the runs that need drawings of their own."""
Vectors = NDArray[np.float64]
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Pool:
    """Features of a class: real cells, an altered copy and a near-twin of each, and fresh cells."""

    real: Vectors
    altered: Vectors
    twins: Vectors
    fresh: Vectors


@dataclass(frozen=True)
class Patients:
    """Features (patient, cell, d) of real and of fresh cells with each patient's look."""

    real: Vectors
    fresh: Vectors


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


def jpeg(image: Picture, quality: int) -> Picture:
    """The image after JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "JPEG", quality=quality)
    return decode_image(buffer.getvalue())


def noisy(image: Picture, spread: float, rng: np.random.Generator) -> Picture:
    """The image with normal noise."""
    return np.asarray((image + rng.normal(0, spread, image.shape)).clip(0, 255).round(), dtype=np.uint8)


def scaled(image: Picture, gains: Sequence[float]) -> Picture:
    """The image with each channel multiplied."""
    return np.asarray((image * np.asarray(gains)).clip(0, 255), dtype=np.uint8)


def alter(image: Picture, rng: np.random.Generator) -> Picture:
    """A copy as a generator might give it away: turned, compressed and noisy."""
    return noisy(jpeg(np.asarray(transform(image, TRANSFORMS[rng.integers(8)]), dtype=np.uint8), 75), 5, rng)


def twin(image: Picture, rng: np.random.Generator) -> Picture:
    """The same cell once more, as by another exposure."""
    return noisy(image, 2, rng)


@cache
def clip() -> Any:
    """The pocket CLIP."""
    loaded = load_clip(CUSTOM, resolve_asset(AssetReference(POCKET), "clip.weights"))
    loaded.model.eval()
    return loaded


@torch.inference_mode()
def features(images: Sequence[Picture]) -> Vectors:
    """Features (n, d) of images (64, 64, 3): the mean over flips and rotations, which a copy may have undergone."""
    mean, spread = (torch.tensor(values).view(3, 1, 1) for values in (clip().normalise.mean, clip().normalise.std))
    total = np.zeros(1)
    for name in TRANSFORMS:
        stack = np.stack([transform(image, name) for image in images])
        pixels = (torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 255 - mean) / spread
        total = (
            total + torch.cat([clip().model.encode_image(part) for part in torch.split(pixels, 64)]).double().numpy()
        )
    return np.asarray(total / len(TRANSFORMS))


def phantom_pool(label: str) -> Pool:
    """Cells of a class, drawn once."""
    rng = np.random.default_rng(SEED)
    cells = [draw(label, i, SEED, SIDE, stream="copying") for i in range(POOL)]
    return Pool(
        features(cells),
        features([alter(cell, rng) for cell in cells]),
        features([twin(cell, rng) for cell in cells]),
        features([draw(label, i, SEED, SIDE, stream="oracle") for i in range(POOL)]),
    )


def normal_pool(seed: int) -> Pool:
    """The same of normal vectors; a copy is altered by 0.2 standard deviations, a twin by 0.04."""
    rng = np.random.default_rng(seed)
    real = rng.normal(size=(5 * POOL, WIDTH))
    altered, twins = (real + spread * rng.normal(size=real.shape) for spread in (0.2, 0.04))
    return Pool(real, altered, twins, rng.normal(size=real.shape))


def phantom_patients(label: str) -> Patients:
    """Cells of patients whose smears differ in stain: each channel is multiplied by N(1, 0.05)."""
    rng = np.random.default_rng(SEED)
    made = []
    for stream in ("copying", "oracle"):
        gains = np.random.default_rng(SEED).normal(1, 0.05, (PATIENTS, 3))
        cells = [
            scaled(draw(label, 1000 + p * OF_PATIENT + i, SEED, SIDE, stream=stream), gains[p])
            for p in range(PATIENTS)
            for i in range(OF_PATIENT)
        ]
        order = rng.permutation(OF_PATIENT)
        made.append(features(cells).reshape(PATIENTS, OF_PATIENT, -1)[:, order])
    return Patients(*made)


def normal_patients(seed: int) -> Patients:
    """Normal vectors around each patient's own centre, N(0, 0.5)."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 0.5, (PATIENTS, 1, WIDTH))
    return Patients(*(centres + rng.normal(size=(PATIENTS, OF_PATIENT, WIDTH)) for _ in range(2)))


def drawn(rng: np.random.Generator, pool: Pool, held_out: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which cells are shots and which held out, at random."""
    order = rng.permutation(len(pool.real))
    return order[:SHOTS], order[SHOTS : SHOTS + held_out]


def mixture(
    rng: np.random.Generator, pool: Pool, n: int, shots: NDArray[np.int64], copies: int, one: bool, exact: bool
) -> Vectors:
    """``n`` synthetic cells: ``copies`` of shots (of one, or spread over them), the rest fresh."""
    fresh = pool.fresh[rng.choice(len(pool.fresh), n - copies, replace=False)]
    copied = np.full(copies, shots[0]) if one else shots[np.arange(copies) % len(shots)]
    return np.concatenate([(pool.real if exact else pool.altered)[copied], fresh])


Trial = Callable[[np.random.Generator, int, int], Copying]
"""One run, from its own random numbers, its number and the number of synthetic cells."""


def copies(
    pools: Sequence[Pool], share: float, one: bool = False, exact: bool = True, held_out: int = HELD_OUT
) -> Trial:
    """Runs in which this share of the synthetic cells are copies."""

    def trial(rng: np.random.Generator, run: int, n: int) -> Copying:
        pool = pools[run % len(pools)]
        shots, held = drawn(rng, pool, held_out)
        made = mixture(rng, pool, n, shots, round(share * n), one, exact)
        real = pool.real
        return detect_copying(Features(real[shots]), Features(real[held]), Features(made), chosen=None, seed=run)

    return trial


def twins(pools: Sequence[Pool], rule: bool) -> Trial:
    """Runs in which every real cell has a near-twin and 5 % are altered copies; with or without the rule for d2."""

    def trial(rng: np.random.Generator, run: int, n: int) -> Copying:
        pool = pools[run % len(pools)]
        order = rng.permutation(len(pool.real))
        shots, held = order[: SHOTS // 2], order[SHOTS // 2 : (SHOTS + HELD_OUT) // 2]
        made = mixture(rng, pool, n, shots, round(0.05 * n), False, False)
        both = [np.concatenate([pool.real[rows], pool.twins[rows]]) for rows in (shots, held)]
        found = detect_copying(Features(both[0]), Features(both[1]), Features(made), chosen=None, seed=run)
        if rule:
            return found
        real = np.concatenate(both)
        nearest, ratios = nearest_ratios(made, real, np.arange(len(real)), None)
        units = near_duplicates(real, None, None)
        return relabelled(found, units, units[: len(both[0])], units[nearest], ratios, run)

    return trial


def relabelled(
    found: Copying,
    units: NDArray[np.int64],
    of_shots: NDArray[np.int64],
    hit: NDArray[np.int64],
    ratios: Vectors,
    seed: int,
) -> Copying:
    """The result as it would be with other ratios or other units moving."""
    weights = np.bincount(hit, -np.log(ratios) * 1e9, minlength=units.max() + 1).astype(np.int64)
    stratum = Stratum(weights, np.isin(np.arange(len(weights)), of_shots))
    tested = permute([stratum], 999, seed)
    return replace(
        found, testable=True, reason=None, p_value=tested.p_sum, p_max=tested.p_max, p_combined=tested.p_combined
    )


def some_twins(pools: Sequence[Pool]) -> Trial:
    """Honest runs where a fifth of the cells has a near-twin and shots are drawn among cells, not among pairs."""

    def trial(rng: np.random.Generator, run: int, n: int) -> Copying:
        pool = pools[run % len(pools)]
        order = rng.permutation(len(pool.real))[: round((SHOTS + HELD_OUT) / 1.2)]
        cells = np.concatenate([pool.real[order], pool.twins[order[: len(order) // 5]]])
        cells = cells[rng.permutation(len(cells))]
        made = mixture(rng, pool, n, order, 0, False, True)
        return detect_copying(Features(cells[:SHOTS]), Features(cells[SHOTS:]), Features(made), chosen=None, seed=run)

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
            shots, held = order[:SHOTS], order[SHOTS:]
        else:
            shots = [(p, i) for p in people[:4] for i in range(SHOTS // 4)]
            held = [(p, i) for p in people[4:] for i in range(HELD_OUT // (PATIENTS - 4))]
        looks = [shots[i][0] for i in rng.integers(0, len(shots), n)]
        made = np.stack([pool.fresh[p, rng.integers(OF_PATIENT)] for p in looks])
        cells_of_shots, cells_held = (np.stack([pool.real[one] for one in part]) for part in (shots, held))
        of_shots, of_held = ([str(p) for p, _ in part] if how != "unknown" else None for part in (shots, held))
        found = detect_copying(
            Features(cells_of_shots, of_shots), Features(cells_held, of_held), Features(made), chosen=None, seed=run
        )
        if how != "moved":
            return found
        groups = np.array([p for p, _ in [*shots, *held]])
        nearest, ratios = nearest_ratios(made, np.concatenate([cells_of_shots, cells_held]), groups, groups)
        return relabelled(found, groups, groups[: len(shots)], groups[nearest], ratios, run)

    return trial


def measured(what: str, space: str, n: int, runs: int, trial: Trial) -> Row:
    """Repeat a trial and count."""
    found = [trial(np.random.default_rng([SEED, run]), run, n) for run in range(runs)]

    def share(name: str) -> float:
        return float(np.mean([(getattr(one, name) or 1) <= LEVEL for one in found]))

    interval = binomtest(round(share("p_combined") * runs), runs).proportion_ci()
    return Row(
        what,
        space,
        n,
        runs,
        testable=float(np.mean([one.testable for one in found])),
        by_sum=share("p_value"),
        by_max=share("p_max"),
        combined=share("p_combined"),
        low=float(interval.low),
        high=float(interval.high),
    )


def over_classes(space: str, pools: Sequence[Pool], n: int, runs: int) -> Row:
    """Honest runs over 15 classes: in how many is copying found in any class after Holm's correction."""
    one, classes = copies(pools, 0), len(LABELS)
    any_found = 0
    for run in range(runs):
        results = {
            label: one(np.random.default_rng([SEED, run, k]), run * classes + k, n) for k, label in enumerate(LABELS)
        }
        any_found += any((result.p_holm or 1) <= LEVEL for result in holm(results).values())
    interval = binomtest(any_found, runs).proportion_ci()
    what = "honest, any of 15 classes after Holm"
    return Row(what, space, n, runs, 1.0, None, None, any_found / runs, float(interval.low), float(interval.high))


def rows(space: str, pools: Sequence[Pool], people: Sequence[Patients], runs: int) -> list[Row]:
    """All rows of one space."""
    trials: list[tuple[str, Trial]] = [
        ("honest", copies(pools, 0)),
        ("5 % exact copies, spread", copies(pools, 0.05)),
        ("5 % altered copies, spread", copies(pools, 0.05, exact=False)),
        ("20 % altered copies, spread", copies(pools, 0.2, exact=False)),
        ("5 % exact copies of one shot", copies(pools, 0.05, one=True)),
        ("20 % exact copies of one shot", copies(pools, 0.2, one=True)),
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
        trials.append(("5 % exact copies of one shot, 400 held out", copies(pools, 0.05, one=True, held_out=400)))
    found = []
    for n in COUNTS:
        for what, trial in trials:
            found.append(measured(what, space, n, runs, trial))
            show(found[-1])
        found.append(over_classes(space, pools, n, runs))
        show(found[-1])
    return found


def show(row: Row) -> None:
    """Print a row."""
    shares = " ".join("     -" if x is None else f"{x:6.3f}" for x in (row.by_sum, row.by_max, row.combined))
    said = f"{row.space:8} {row.n:4} {row.what:46} {row.testable:8.2f} {shares}  {row.low:.3f}-{row.high:.3f}"
    print(said, flush=True)


def pixels(folder: Path) -> dict[str, Any]:
    """On real cells: how different the two most alike are, and the copies of every tenth."""
    rng = np.random.default_rng(SEED)
    files = sorted(file for file in folder.glob("*/*") if file.is_file())
    cells = [decode_image(file) for file in files]
    pictures = prints(cells)
    apart = differences(pictures, pictures)[0]
    np.fill_diagonal(apart, np.inf)
    i, j = np.unravel_index(apart.argmin(), apart.shape)

    def blurred(cell: Picture) -> Picture:
        return np.array(Image.fromarray(cell).filter(ImageFilter.GaussianBlur(cell.shape[0] / 120)))

    def cut(cell: Picture, share: float) -> Picture:
        edge = round(share * cell.shape[0])
        return cell[edge:-edge, edge:-edge]

    altered: dict[str, Callable[[Picture], Picture]] = {
        "turned and flipped": lambda cell: np.ascontiguousarray(np.rot90(cell)[:, ::-1]),
        "JPEG, quality 30": lambda cell: jpeg(cell, 30),
        "noise, SD 25 of 255": lambda cell: noisy(cell, 25, rng),
        "blurred, SD 1/120 of the side": blurred,
        "restained (0.9, 1, 1.1)": lambda cell: scaled(cell, (0.9, 1, 1.1)),
        "a third less contrast": lambda cell: (128 + (cell.astype(float) - 128) * 0.67).astype(np.uint8),
        "turned, JPEG 75, noise SD 5": lambda cell: alter(cell, rng),
        "cut by 1 % on each side": lambda cell: cut(cell, 0.01),
        "cut by 2 % on each side": lambda cell: cut(cell, 0.02),
        "cut by 5 % on each side": lambda cell: cut(cell, 0.05),
    }
    some = list(range(0, len(cells), 10))
    found = {}
    for name, change in altered.items():
        own = np.diag(differences(prints([change(cells[k]) for k in some]), pictures[some])[0])
        found[name] = {"median": float(np.median(own)), "largest": float(own.max())}
    closest = [f"{files[k].parent.name}/{files[k].name}" for k in (int(i), int(j))]
    return {"cells": len(cells), "closest_pair": closest, "smallest": float(apart[i, j]), "copies": found}


def phantom_pixels(cells: int = 200) -> float:
    """The smallest difference of two different phantom cells of one class."""
    smallest = np.inf
    for label in LABELS:
        pictures = prints([draw(label, i, SEED, SIDE, stream="copying") for i in range(cells)])
        apart = differences(pictures, pictures)[0]
        np.fill_diagonal(apart, np.inf)
        smallest = min(smallest, float(apart.min()))
    return smallest


def main() -> None:
    """Simulate, print, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300, help="of each row (default: 300)")
    parser.add_argument("--cells", type=Path, help="a folder of classes of real cells")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    start = time.perf_counter()
    torch.set_num_threads(1)
    said: dict[str, Any] = {"phantom_pixels": phantom_pixels()}
    print(f"two phantom cells of a class differ in pixels by at least {said['phantom_pixels']:.3f}")
    if options.cells:
        said["pixels"] = pixels(options.cells)
        print(json.dumps(said["pixels"], indent=1))
    print(f"{'space':8} {'n':>4} {'generator':46} {'testable':>8} {'sum':>6} {'max':>6} {'both':>6}  95 %")
    found = rows("normal", [normal_pool(SEED)], [normal_patients(SEED)], options.runs)
    pools = [phantom_pool(label) for label in LABELS]
    people = [phantom_patients(label) for label in FEW]
    said["seconds_of_drawing"] = round(time.perf_counter() - start, 1)
    found += rows("phantom", pools, people, options.runs)
    said |= {"rows": [asdict(row) for row in found], "seconds": round(time.perf_counter() - start, 1)}
    print(f"{said['seconds']} s in all")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()
