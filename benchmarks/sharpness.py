"""How well do measures of sharpness and exposure tell bad images from good ones?

    python benchmarks/sharpness.py --peripheral ../shared/data/pbc --munich ../shared/data/matek

Prints four tables in Markdown.

The first holds the measure of :mod:`cytobench.data.quality.optics` against others, on pictures of other sides: the area
under the ROC curve between peripheral-blood images (every third) and their copies, within classes; and between the
Munich images that look sharp and the eight that look blurred. Copies are blurred by a Gaussian of 1, 2 or 3 px;
``noise``: of 2 px, then Gaussian noise of 4 grey values is added to the copy alone; ``contrast``: of 2 px, with 1.2
times the contrast, against originals of 0.6 times. ``200 px`` is what a copy scaled to 200 px measures, as a share of
the original; ``ms`` the CPU milliseconds an image, without the scaling.

The second holds the sharpness of the whole square against that of the cell, which ``--select sharpest`` goes by, on the
same pairs, and two figures more. ``phantom``: the mean over classes of the rank correlation (Spearman) with the known
focus of phantom cells. ``neighbour``: the median relative change where a fifth of the image, on one side, is replaced
by that of the next image.

The others hold the rules of :mod:`cytobench.data.quality.doubtful`: how many images are called blurred where a tenth of
the peripheral-blood images are replaced by blurred copies, among the Munich images, and among phantom cells, whose blur
is known; and how many are called over-exposed where a tenth are replaced by brighter copies.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.stats import spearmanr
from skimage.measure import blur_effect
from sklearn.metrics import roc_auc_score

from cytobench.data.open import list_path
from cytobench.data.quality.doubtful import blurred, clipped
from cytobench.data.quality.optics import SIDE, central_grey, measure, sharpness_of
from cytobench.decode import decode_image
from cytobench_phantom.morphology import LABELS, draw_cell, draw_smear
from cytobench_phantom.render import render

BLURRED = {"BAS_0034", "BAS_0048", "EOS_0098", "MMZ_0005", "MON_0467", "MON_0927", "NGB_0074", "NGB_0079"}
"""The images of the Munich sample that look out of focus to the eye at full size."""

UNSHARP = 0.2
"""Standard deviation in micrometres from which on a phantom cell's caption calls it unsharp."""

Picture = NDArray[np.uint8]
Measure = Callable[[Picture], float]


def slopes(grey: Picture) -> NDArray[np.float32]:
    """Squared Sobel gradient."""
    values = grey.astype(np.float32)
    return np.asarray(ndimage.sobel(values, 0) ** 2 + ndimage.sobel(values, 1) ** 2)


def laplacian(grey: Picture) -> float:
    """Variance of the Laplacian."""
    return float(ndimage.laplace(grey.astype(np.float32)).var())


MEASURES: Mapping[str, Measure] = {
    "Laplacian / contrast": sharpness_of,
    "Laplacian": laplacian,
    "Laplacian / gradient": lambda grey: laplacian(grey) / float(slopes(grey).mean()),
    "Tenengrad": lambda grey: float(slopes(grey).mean()),
    "Tenengrad / contrast": lambda grey: float(slopes(grey).mean() / grey.var()),
    "Brenner / contrast": lambda grey: float(np.mean((grey[2:] - grey[:-2].astype(float)) ** 2) / grey.var()),
    "1 - blur effect": lambda grey: 1 - float(blur_effect(grey)),
}
"""Variance of the Laplacian (Pech-Pacheco 2000), Tenengrad and Brenner as surveyed by Pertuz, Puig and Garcia (2013),
and scikit-image's blur effect (Crete 2007); contrast is the variance of the grey values."""


def changed(image: Picture, gain: float = 1, offset: float = 0, sigma: float = 0, noise: float = 0) -> Picture:
    """A copy that is blurred, then multiplied and shifted, then noisy, and clipped to 0..255."""
    values = ndimage.gaussian_filter(image.astype(np.float32), (sigma, sigma, 0)) * gain + offset
    if noise:
        values += np.random.default_rng(int(image.sum())).normal(0, noise, image.shape)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def contrast(image: Picture, factor: float, sigma: float = 0) -> Picture:
    """A copy, perhaps blurred, of so many times the contrast about its mean."""
    return changed(image, factor, float(image.mean()) * (1 - factor), sigma)


def scaled(image: Picture, side: int) -> Picture:
    """A copy scaled to a square."""
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS))


def auc(good: NDArray[np.float64], bad: NDArray[np.float64]) -> float:
    """Area under the ROC curve: 1 where every good image has more than every bad one, 0.5 where chance decides."""
    return float(roc_auc_score([1] * len(good) + [0] * len(bad), np.concatenate([good, bad])))


def within(good: NDArray[np.float64], bad: NDArray[np.float64], labels: NDArray[np.str_]) -> float:
    """The mean over classes of the area between images and their copies."""
    return float(np.mean([auc(good[labels == label], bad[labels == label]) for label in np.unique(labels)]))


def compare(images: Sequence[Picture], labels: NDArray[np.str_], munich: Sequence[Sequence[Picture]]) -> None:
    """Print the first table. ``munich`` are the sharp and the blurred ones."""
    copies: dict[str, Sequence[Picture]] = {
        "original": images,
        "sigma 1": [changed(image, sigma=1) for image in images],
        "sigma 2": [changed(image, sigma=2) for image in images],
        "sigma 3": [changed(image, sigma=3) for image in images],
        "noise": [changed(image, sigma=2, noise=4) for image in images],
        "contrast": [contrast(image, 1.2, sigma=2) for image in images],
        "pale": [contrast(image, 0.6) for image in images],
        "200 px": [scaled(image, 200) for image in images],
    }
    pairs = {name: (name, "original") for name in ("sigma 1", "sigma 2", "sigma 3", "noise")} | {
        "contrast": ("contrast", "pale")
    }
    print(f"| measure | side | {' | '.join(pairs)} | Munich | 200 px | ms |\n|{'---|' * 10}")
    for side in (96, SIDE, 192, 256, 320):
        grey = {kind: [central_grey(image, side) for image in variant] for kind, variant in copies.items()}
        real = [[central_grey(image, side) for image in variant] for variant in munich]
        for name, of in MEASURES.items():
            start = time.process_time()
            _ = [of(image) for image in grey["original"]]
            milliseconds = (time.process_time() - start) / len(images) * 1000
            values = {kind: np.array([of(image) for image in variant]) for kind, variant in grey.items()}
            figures = [within(values[good], values[bad], labels) for bad, good in pairs.values()]
            sharp, soft = (np.array([of(image) for image in variant]) for variant in real)
            shown = " | ".join(f"{figure:.3f}" for figure in (*figures, auc(sharp, soft)))
            ratio = np.median(values["200 px"] / values["original"])
            print(f"| {name} | {side} | {shown} | {ratio:.2f} | {milliseconds:.2f} |")


def compare_cells(images: Sequence[Picture], labels: NDArray[np.str_], munich: Sequence[Sequence[Picture]]) -> None:
    """Print the second table."""
    copies: dict[str, Sequence[Picture]] = {
        "original": images,
        "1 px": [changed(image, sigma=1) for image in images],
        "2 px": [changed(image, sigma=2) for image in images],
        "noise": [changed(image, sigma=2, noise=4) for image in images],
        "neighbour": [beside(image, other) for image, other in zip(images, [*images[1:], images[0]], strict=True)],
        "200 px": [scaled(image, 200) for image in images],
    }
    drawn, kinds, blur = phantom()
    print(f"\n| measure | 1 px | 2 px | noise | Munich | phantom | neighbour | 200 px |\n|{'---|' * 8}")
    for name in ("sharpness", "cell_sharpness"):
        values = {
            kind: np.array([getattr(measure(image), name) for image in variant]) for kind, variant in copies.items()
        }
        areas = [within(values["original"], values[kind], labels) for kind in ("1 px", "2 px", "noise")]
        sharp, soft = (np.array([getattr(measure(image), name) for image in variant]) for variant in munich)
        focus = np.array([getattr(measure(image), name) for image in drawn])
        known = np.mean([spearmanr(focus[kinds == kind], -blur[kinds == kind]).statistic for kind in LABELS])
        moved = np.median(np.abs(values["neighbour"] / values["original"] - 1))
        figures = " | ".join(f"{figure:.3f}" for figure in (*areas, auc(sharp, soft), known))
        print(f"| {name} | {figures} | {moved:.0%} | {np.median(values['200 px'] / values['original']):.2f} |")


def beside(image: Picture, other: Picture) -> Picture:
    """A copy whose left fifth shows the middle of another image: a second cell at its edge."""
    width = image.shape[1] // 5
    middle = other.shape[1] // 2
    return np.concatenate([other[:, middle : middle + width], image[:, width:]], axis=1)


def measured(images: Sequence[Picture], labels: NDArray[np.str_]) -> pd.DataFrame:
    """The table that the rule reads, numbered by its index."""
    return pd.DataFrame([asdict(measure(image)) for image in images]).assign(label=labels)


def called(name: str, rows: pd.DataFrame, bad: NDArray[np.bool_]) -> None:
    """Print a line: how many of the bad images, and of the others, the rule calls so."""
    hit = np.isin(np.arange(len(bad)), rows.index)
    print(f"| {name} | {(hit & bad).sum()} of {bad.sum()} | {(hit & ~bad).sum()} of {(~bad).sum()} |")


def spoilt(images: Sequence[Picture], bad: NDArray[np.bool_], **change: float) -> list[Picture]:
    """The images, the bad ones replaced by copies."""
    return [changed(image, **change) if is_bad else image for image, is_bad in zip(images, bad, strict=True)]


def phantom(count: int = 40) -> tuple[list[Picture], NDArray[np.str_], NDArray[np.float64]]:
    """Freshly drawn phantom cells, 128 px, ``count`` a class, with their labels and their blur in micrometres."""
    rng = np.random.default_rng(0)
    drawn = [(label, draw_cell(label, rng), draw_smear(rng)) for label in LABELS for _ in range(count)]
    pictures = [render(cell, smear, 128, rng) for _, cell, smear in drawn]
    return pictures, np.array([label for label, _, _ in drawn]), np.array([smear.blur for _, _, smear in drawn])


def read(path: str) -> tuple[list[Picture], NDArray[np.str_], list[str]]:
    """Images, labels and file names without extension of a data set."""
    listing = list_path(path, {})
    images = [decode_image(listing.root / name) for name in listing.table["path"]]
    return images, listing.table["label"].to_numpy(str), [Path(name).stem for name in listing.table["path"]]


def main() -> None:
    """Read the images and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peripheral", required=True, help="a folder of classes of sharp images")
    parser.add_argument("--munich", required=True, help="images of the Munich AML data set")
    options = parser.parse_args()
    images, labels, _ = read(options.peripheral)
    cells, kinds, names = read(options.munich)
    soft = np.array([name in BLURRED for name in names])
    munich = [[cells[n] for n in np.flatnonzero(which)] for which in (~soft, soft)]
    compare(images[::3], labels[::3], munich)
    compare_cells(images[::3], labels[::3], munich)
    bad = np.random.default_rng(0).permutation(len(images)) < len(images) // 10
    print("\n| called blurred | of the blurred | of the others |\n|---|---|---|")
    for sigma in (1, 2, 3):
        called(f"sigma {sigma}", blurred(measured(spoilt(images, bad, sigma=sigma), labels)), bad)
    called("Munich", blurred(measured(cells, kinds)), soft)
    pictures, drawn, blur = phantom()
    called("phantom", blurred(measured(pictures, drawn)), blur > UNSHARP)
    print("\n| called over-exposed | of the brighter | of the others |\n|---|---|---|")
    for gain in (1.1, 1.2, 1.3):
        called(f"times {gain}", clipped(measured(spoilt(images, bad, gain=gain), labels), "white"), bad)


if __name__ == "__main__":
    main()
