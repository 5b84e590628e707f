"""How often the interval over folds holds the truth, and how often equal systems are told apart.

    python benchmarks/interval_coverage.py [--runs 4000] [--seed 1]

Each run draws a data set of Gaussian classes, divides it 60/20/20 into five stratified folds as the protocols do,
trains two real classifiers of scikit-learn on each fold, and compares their macro F1 on the test parts. Both systems
see the same images through noise of their own beside noise they share. Where their own noise has the same strength
they are equal by symmetry and the true difference is 0; where it has not, the truth is the mean difference over all
runs. Prints Markdown tables: the coverage of the 95 % interval and how often one of the two is called better, by the
corrected t, by the plain paired t, and with three seeds; how often a ranking of equal rows sets one below the best; how
often a row is told from the best of equal baselines, as validation chooses it; and the same of bootstrap and
permutation over test images, for predictions of two equal rows with known chances.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.tree import DecisionTreeClassifier

from cytobench.metrics.statistics.folds import fold_difference
from cytobench.metrics.statistics.holm import ALPHA, holm
from cytobench.metrics.statistics.images import f1_macro, image_differences, unit_counts

FOLDS, RATIO = 5, 1 / 3
SHARED = 0.5
"""The share of the noise's variance that both systems see alike."""
FEATURES = 6
EVEN = (0.2,) * 5
RARE = (0.5, 0.25, 0.13, 0.08, 0.04)
SHOTS = 16
"""Images of a class that a generator is tuned on, as far as the training part has them."""


@dataclass(frozen=True)
class Setting:
    """A world: a classifier, so many images of these class shares, and the noise of each system."""

    name: str
    make: Callable[[], Any]
    images: int
    shares: Sequence[float] = EVEN
    noise: Sequence[float] = (1.0, 1.0)
    seeds: int = 1
    patients: int = 0
    """Patients, each with images of every class and a look of their own; 0 for images that are independent."""
    synthetic: int = 0
    """So many images a class, drawn from Gaussians fitted to shots, train in place of the real ones; 0 for these."""


def tree() -> DecisionTreeClassifier:
    """A decision tree that is the same for the same images."""
    return DecisionTreeClassifier(random_state=0)


SETTINGS = (
    Setting("LDA, even classes, 250 images", LinearDiscriminantAnalysis, 250),
    Setting("LDA, rare classes, 250 images", LinearDiscriminantAnalysis, 250, RARE),
    Setting("LDA, rare classes, 1000 images", LinearDiscriminantAnalysis, 1000, RARE),
    Setting("nearest centroid, rare classes, 250 images", NearestCentroid, 250, RARE),
    Setting("5 neighbours, rare classes, 250 images", lambda: KNeighborsClassifier(5), 250, RARE),
    Setting("decision tree, rare classes, 250 images", tree, 250, RARE),
    Setting("logistic, rare classes, 250 images", lambda: LogisticRegression(max_iter=200), 250, RARE),
    Setting("LDA, rare classes, 250 images of 25 patients", LinearDiscriminantAnalysis, 250, RARE, patients=25),
    Setting("LDA, rare classes, 250 images, unequal", LinearDiscriminantAnalysis, 250, RARE, (1.0, 1.4)),
    Setting("decision tree, even classes, 250 images, unequal", tree, 250, EVEN, (1.0, 1.4)),
)
REPEATED = (
    Setting("LDA, rare classes, 250 images", LinearDiscriminantAnalysis, 250, RARE, seeds=3),
    Setting("decision tree, even classes, 250 images", tree, 250, EVEN, seeds=3),
)
SYNTHETIC = tuple(
    Setting(f"{name}, N = {n}", make, 250, RARE, noise, synthetic=n)
    for name, make, noise in (
        ("LDA", LinearDiscriminantAnalysis, (1.0, 1.0)),
        ("LDA, unequal", LinearDiscriminantAnalysis, (1.0, 1.4)),
        ("decision tree", tree, (1.0, 1.0)),
    )
    for n in (20, 200)
)
IMAGES = (
    ("independent images", 1, False),
    ("25 patients, drawn as wholes", 10, True),
    ("25 patients, image by image", 10, False),
)
RANKED = Setting("LDA, rare classes, 250 images, six equal rows", LinearDiscriminantAnalysis, 250, RARE, (1.0,) * 6)
BASELINES = Setting("LDA, rare classes, 250 images, seven equal", LinearDiscriminantAnalysis, 250, RARE, (1.0,) * 7)


def draw(setting: Setting, rng: np.random.Generator) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
    """A data set: labels (n,), and what each system sees of it, (n, FEATURES)."""
    counts = np.round(np.array(setting.shares) * setting.images).astype(int)
    labels = np.repeat(np.arange(len(counts)), counts)
    centres = np.random.default_rng(0).normal(size=(len(counts), FEATURES)) * 0.8

    def noise() -> NDArray[np.float64]:
        of_images = rng.normal(size=(len(labels), FEATURES))
        if not setting.patients:
            return of_images
        of_patients = rng.normal(size=(setting.patients, FEATURES))[np.arange(len(labels)) % setting.patients]
        return (of_images + of_patients) / sqrt(2)

    shared = noise() * sqrt(SHARED)
    return labels, [centres[labels] + shared + noise() * sqrt(1 - SHARED) * strength for strength in setting.noise]


def macro_f1(
    setting: Setting, seen: NDArray[np.float64], labels: NDArray[np.int64], seed: int
) -> list[tuple[float, float]]:
    """Macro F1 of one system on test and on validation, fold by fold: trained on the other three parts."""
    patients = np.arange(len(labels)) % setting.patients if setting.patients else None
    splitter = StratifiedKFold if patients is None else StratifiedGroupKFold
    divided = splitter(FOLDS, shuffle=True, random_state=seed).split(labels, labels, patients)
    parts = [test for _, test in divided]
    scores = []
    for i in range(FOLDS):
        held_out = [parts[(i + FOLDS - back) % FOLDS] for back in (1, 2)]
        train = np.concatenate([parts[(i + j) % FOLDS] for j in range(FOLDS - 2)])
        images, targets = seen[train], labels[train]
        if setting.synthetic:
            images, targets = generated(images, targets, setting.synthetic, np.random.default_rng((seed, i)))
        trained = setting.make().fit(images, targets)
        test, validation = (_scored(setting, labels[part], trained.predict(seen[part])) for part in held_out)
        scores.append((test, validation))
    return scores


def generated(
    seen: NDArray[np.float64], labels: NDArray[np.int64], n: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """``n`` images a class of Gaussians fitted to SHOTS of these images, feature by feature, and their labels."""
    classes = np.unique(labels)
    shots = [seen[rng.permutation(np.flatnonzero(labels == label))[:SHOTS]] for label in classes]
    synthetic = [rng.normal(images.mean(0), images.std(0), size=(n, FEATURES)) for images in shots]
    return np.concatenate(synthetic), np.repeat(classes, n)


def _scored(setting: Setting, true: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    nothing = np.zeros(len(true), dtype=np.int64)
    return float(f1_macro(unit_counts(true, predicted, nothing, nothing, len(setting.shares))[0]))


def simulate(setting: Setting, runs: int, seed: int) -> NDArray[np.float64]:
    """Macro F1, float64 (runs, systems, seeds, folds, 2): on test, and on validation."""
    rng = np.random.default_rng(seed)
    scores = []
    for _ in range(runs):
        labels, seen = draw(setting, rng)
        divided = rng.integers(2**31, size=setting.seeds)
        scores.append([[macro_f1(setting, system, labels, int(seed)) for seed in divided] for system in seen])
    return np.array(scores)


def resampled(values: NDArray[np.float64], ratio: float) -> tuple[float, float]:
    """The t interval of all values taken as one sample, with 1/J + ``ratio``; ratio 0 is the plain paired t."""
    half = stats.t.ppf(0.975, values.size - 1) * sqrt(values.var(ddof=1) * (1 / values.size + ratio))
    return float(values.mean() - half), float(values.mean() + half)


def corrected(difference: NDArray[np.float64], ratio: float = RATIO) -> tuple[float, float]:
    """The interval that cytobench gives, from differences (seeds, folds), with n_test/n_train ``ratio``."""
    over_folds = fold_difference(dict(enumerate(difference.tolist())), ratio)
    if over_folds.low is None or over_folds.high is None:
        return over_folds.mean, over_folds.mean
    return over_folds.low, over_folds.high


def line(setting: Setting, runs: int, seed: int) -> str:
    """A line of the table of a setting with two systems."""
    start = time.perf_counter()
    scores = simulate(setting, runs, seed)[..., 0]
    differences = scores[:, 0] - scores[:, 1]
    equal = len(set(setting.noise)) == 1
    truth = 0.0 if equal else float(differences.mean())
    ways: list[Callable[[NDArray[np.float64]], tuple[float, float]]] = [corrected, lambda d: resampled(d.ravel(), 0.0)]
    if setting.seeds > 1:
        ways.insert(1, lambda d: resampled(d.ravel(), RATIO))
    if setting.synthetic:
        ratio = setting.images / FOLDS / (setting.synthetic * len(setting.shares))
        ways = [lambda d: corrected(d, ratio), corrected]
    cells = []
    for way in ways:
        ends = np.array([way(difference) for difference in differences])
        covered = np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1]))
        apart = np.mean((ends[:, 0] > 0) | (ends[:, 1] < 0))
        cells += [f"{covered:.1%}", f"{apart:.1%}" + ("" if equal else " (true)"), f"{np.diff(ends).mean():.3f}"]
    print(f"<!-- {setting.name}: {time.perf_counter() - start:.0f} s -->", flush=True)
    return f"| {setting.name} | {truth:.3f} | " + " | ".join(cells) + " |"


def predicted(n: int, of_patient: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], ...]:
    """True classes of n images, patient by patient, and the predictions of two equal rows, with known chances.

    A row is right with a chance of the class (0.9 down to 0.4), moved up or down for all images of a patient.
    """
    true = rng.choice(len(RARE), size=n, p=np.array(RARE) / sum(RARE))
    rows = []
    for _ in range(2):
        moved = np.repeat(rng.normal(size=n // of_patient), of_patient) if of_patient > 1 else 0.0
        chance = 1 / (1 + np.exp(-(np.linspace(2.2, -0.4, len(RARE))[true] + moved)))
        rows.append(np.where(rng.random(n) < chance, true, rng.choice(len(RARE), size=n, p=np.array(RARE) / sum(RARE))))
    return true, *rows


def over_images(name: str, images: int, of_patient: int, whole: bool, runs: int, seed: int) -> str:
    """Coverage of the bootstrap over images, or whole patients, and how often the permutation calls a difference."""
    rng = np.random.default_rng(seed)
    unit = np.arange(images) // of_patient if whole else np.arange(images)
    nothing = np.zeros(images, dtype=np.int64)
    covered = called = 0
    for _ in range(runs):
        true, *rows = predicted(images, of_patient, rng)
        a, b = (unit_counts(true, row, unit, nothing, len(RARE)) for row in rows)
        interval = image_differences(a, b, {"f1_macro": f1_macro}, rng)["f1_macro"]
        covered += interval.low <= 0 <= interval.high
        called += interval.p < ALPHA
    return f"| {name} | {covered / runs:.1%} | {called / runs:.1%} |"


def head(what: str, ways: Sequence[str]) -> list[str]:
    """The first lines of a table."""
    columns = [f"{way}: coverage | told apart | width" for way in ways]
    return [f"| {what} | truth | {' | '.join(columns)} |", "|---|---:|" + "---:|" * 3 * len(ways)]


def below_the_best(runs: int, seed: int) -> list[str]:
    """How often at least one of several equal rows is set below the best, by the family that Holm takes."""
    scores = simulate(RANKED, runs, seed)[:, :, 0, :, 0]
    rows = scores.shape[1]
    false = {"rows but the best": 0, "all pairs of rows": 0}
    for run in scores:
        best = int(run.mean(1).argmax())
        p = [fold_difference({0: (run[best] - run[i]).tolist()}, RATIO).p for i in range(rows) if i != best]
        pairs = rows * (rows - 1) // 2
        for name, family in (("rows but the best", len(p)), ("all pairs of rows", pairs)):
            adjusted = holm([*p, *[None] * (family - len(p))])
            false[name] += any(value is not None and value < ALPHA for value in adjusted)
    return [f"| {name} | {count / runs:.1%} |" for name, count in false.items()]


def beside_the_best_baseline(runs: int, seed: int) -> list[str]:
    """How often a row is told from a baseline that is its equal, by how this was chosen and its p counted."""
    scores = simulate(BASELINES, runs, seed)[:, :, 0]
    n_baselines = scores.shape[1] - 1
    ways = {
        "one named beforehand": (False, 1),
        "the best of six on validation": (True, 1),
        "the same, p of a loss times six": (True, n_baselines),
    }
    lines = []
    for name, (choose, losses) in ways.items():
        better = worse = 0
        for run in scores:
            best = 1 + int(run[1:, :, 1].mean(1).argmax()) if choose else 1
            difference = fold_difference({0: (run[0, :, 0] - run[best, :, 0]).tolist()}, RATIO)
            p = 1.0 if difference.p is None else difference.p * (losses if difference.mean < 0 else 1)
            better += p < ALPHA and difference.mean > 0
            worse += p < ALPHA and difference.mean < 0
        lines.append(f"| {name} | {better / runs:.2%} | {worse / runs:.2%} |")
    return lines


def main() -> None:
    """Simulate all settings and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=4000, help="data sets a setting (default: 4000)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the simulation (default: 1)")
    options = parser.parse_args()
    tables = [*head("setting", ["corrected t", "plain paired t"])]
    tables += [line(setting, options.runs, options.seed) for setting in SETTINGS]
    tables += ["", *head("three seeds", ["k of one seed", "all 15, corrected", "all 15, plain"])]
    tables += [line(setting, options.runs // 2, options.seed) for setting in REPEATED]
    tables += ["", *head("synthetic images alone train", ["n_train synthetic", "at 1/3"])]
    tables += [line(setting, options.runs // 2, options.seed) for setting in SYNTHETIC]
    tables += ["", "| Holm over | an equal row set below the best |", "|---|---:|"]
    tables += below_the_best(options.runs // 2, options.seed)
    tables += ["", "| baseline | its equal called better | called worse |", "|---|---:|---:|"]
    tables += beside_the_best_baseline(options.runs, options.seed)
    tables += [
        "",
        "| over test images, 250 of them | bootstrap: coverage | permutation: told apart |",
        "|---|---:|---:|",
    ]
    for name, of_patient, whole in IMAGES:
        tables.append(over_images(name, 250, of_patient, whole, options.runs // 4, options.seed))
    print("\n".join(tables))


if __name__ == "__main__":
    main()
