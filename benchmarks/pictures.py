"""Pictures of a recorded run: its leaderboard, synthetic images of each generator, and the curves of each training.

    python benchmarks/pictures.py results/pbc-strict-pocket

Writes into the folder ``leaderboard.svg`` (what a terminal shows), ``samples-GENERATOR.png`` (a row a class, its first
images of the first fold, as the store of the run holds them; ``repeat`` and ``folder`` are left out, since they show
images of the data set) and ``curves.svg`` (validation macro F1 and training loss by epoch, a line a row, mean over
folds with the range).
"""

from __future__ import annotations

import argparse
import io
import re
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import pandas as pd
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console

from cytobench.leaderboard import leaderboard, print_leaderboard
from cytobench.plugins import load_plugins
from cytobench.records import read_records
from cytobench.resolve import resolve
from cytobench.results import recorded_benchmark

ACROSS, TILE, GAP, NAMES = 10, 64, 3, 190
SHOWS_REAL_IMAGES = ("repeat", "folder")


def terminal(out: Path) -> None:
    """Write the leaderboard as a terminal of 112 columns shows it, without rich's link to a font on the web."""
    console = Console(record=True, width=112, force_terminal=True, file=io.StringIO())
    print_leaderboard(leaderboard(read_records([out])), console)
    picture = console.export_svg(title="cytobench leaderboard")
    (out / "leaderboard.svg").write_text(re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL))


def samples(out: Path, store: Path) -> None:
    """Write a sheet for each generator whose images may be shown."""
    benchmark = recorded_benchmark(out)
    if benchmark is None:
        raise SystemExit(f"{out} holds no benchmark.toml; name the --out folder of a run.")
    resolved = resolve(benchmark, load_plugins())
    planner = resolved.planner(store)
    if not store.is_dir() or not any(benchmark.synthetic or ()):
        print(f"no synthetic images to show: {store}")
        return
    for ready in resolved.generators:
        if ready.offer.spec.name in SHOWS_REAL_IMAGES:
            continue
        shots = 0 if ready.scope == "none" else max(benchmark.shots)
        stage = planner.sampling(ready, shots, planner.divide(max(benchmark.synthetic))[min(benchmark.fold or (0,))])
        page = Image.new("RGB", (NAMES + ACROSS * (TILE + GAP), len(stage.classes) * (TILE + GAP) + GAP), "white")
        pen = ImageDraw.Draw(page)
        for row, one in enumerate(stage.classes):
            top = GAP + row * (TILE + GAP)
            pen.text((8, top + TILE / 2 - 9), one.label, fill=(30, 25, 50), font=ImageFont.load_default(15))
            for column, pixels in enumerate(one.images.pixels(one.n)[:ACROSS]):
                tile = Image.fromarray(pixels.read()).resize((TILE, TILE), Image.Resampling.LANCZOS)
                page.paste(tile, (NAMES + column * (TILE + GAP), top))
        page.quantize(256, kmeans=2, dither=Image.Dither.NONE).save(out / f"samples-{ready.name}.png", optimize=True)


def curves(out: Path) -> None:
    """Write the training curves that the records hold."""
    rows = [
        {"row": record.row, "classifier": record.classifier.name, "fold": record.protocol.fold, **point}
        for record in read_records([out])
        for point in record.curves
    ]
    if not rows:
        print("no training curves to show")
        return
    table = pd.DataFrame(rows)
    names = sorted(table["classifier"].unique())
    plt.rcParams.update({"svg.fonttype": "none", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(2, len(names), figsize=(4.6 * len(names), 6.4), squeeze=False, sharex="col")
    for column, name in enumerate(names):
        for which, (axis, measure) in enumerate(zip(axes[:, column], ("val_f1_macro", "train_loss"), strict=True)):
            for row, part in table[table["classifier"] == name].groupby("row", sort=False):
                by_epoch = part.groupby("epoch")[measure]
                mean = by_epoch.mean()
                axis.plot(mean.index, mean, label=str(row))
                axis.fill_between(mean.index, by_epoch.min(), by_epoch.max(), alpha=0.12)
            axis.set_ylabel("validation macro F1" if which == 0 else "training loss")
        axes[0, column].set_title(name)
        axes[0, column].legend(frameon=False, fontsize=7)
        axes[1, column].set_xlabel("epoch")
    figure.tight_layout()
    figure.savefig(out / "curves.svg", metadata={"Date": None})


def main() -> None:
    """Draw all for the results folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="a results folder")
    parser.add_argument("--store", type=Path, help="the run's store (default: OUT/store)")
    options = parser.parse_args()
    terminal(options.out)
    samples(options.out, options.store or options.out / "store")
    curves(options.out)


if __name__ == "__main__":
    main()
