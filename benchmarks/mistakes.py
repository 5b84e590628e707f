"""What does each departure of the study's protocol from a sound one move, alone?

    python benchmarks/mistakes.py run benchmarks/mistakes-pbc.toml --out results/mistakes-pbc --held-out 30 --fold 0
    python benchmarks/mistakes.py read results/mistakes-pbc

``run`` runs the benchmark, one results folder a protocol, under ``strict``, ``strict`` with each change alone,
``cytodiff``, and ``cytodiff`` without each change alone; it can be stopped, and goes on. All protocols share a store.
Every trial's model predicts the same clean images as well, of which no protocol has any: ``--external-test``, or with
``--held-out N`` the N images a class that follow those that the benchmark's ``limit`` takes.

``read`` writes ``scores.csv`` (a line a protocol, row, split, seed and fold), ``effects.csv`` (what each change moves)
and ``effects.svg`` into the folder, and prints the effects as Markdown. An effect is a mean of differences between two
protocols, seed by seed and fold by fold, with the corrected resampled t over all of them (Nadeau and Bengio 2003, for
repeated divisions Bouckaert and Frank 2004).
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import pandas as pd

from cytobench.analysis.leaderboard.standing import split_ratio
from cytobench.api import run
from cytobench.config.benchmark import read_benchmark
from cytobench.config.resolve import declared_dataset
from cytobench.metrics.statistics.folds import fold_difference
from cytobench.plugins import load_plugins
from cytobench.protocols import find_protocol
from cytobench.storage.records import Record, read_records

CHANGES = ("pooled", "shots", "checkpoints", "recoloured", "crop")
"""``copies`` is left out: neither data set has copies or groups, so that it divides them in the same way."""
PROTOCOLS = (
    *("strict", "cytodiff"),
    *(f"strict+{change}" for change in CHANGES),
    *(f"cytodiff-{change}" for change in CHANGES),
)
SPLITS = {"test": "reported", "external": "clean"}
"""Splits of the records: what a protocol reports, and the same clean images for all."""
QUANTITIES = ("reported N=0", "reported N=50", "reported gain", "clean N=0", "clean N=50", "clean gain")


def held_out(benchmark: Path, count: int, folder: Path) -> Path:
    """Copy, of each class, the ``count`` images after those that the benchmark's limit takes to ``folder/LABEL/``."""
    declared = read_benchmark(benchmark)
    if declared.limit is None:
        raise SystemExit(f"{benchmark} has no limit, so that it leaves no image over.")
    whole = declared_dataset(declared.model_copy(update={"limit": None}), load_plugins())
    for label, table in whole.table.groupby("label"):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        for row in table.index[declared.limit : declared.limit + count]:
            shutil.copy2(whole.path(int(row)), folder / str(label))
    return folder


def run_all(benchmark: Path, out: Path, store: Path, external: str, folds: Sequence[int]) -> None:
    """Run the benchmark under every protocol."""
    for protocol in PROTOCOLS:
        result = run(
            benchmark, protocol=protocol, fold=list(folds), external_test=external, out=out / protocol, store=store
        )
        done, known = len(result.outcome.done), len(result.outcome.reused)
        print(f"{protocol}: {done} trials done, {known} found done, {len(result.outcome.failed)} failed", flush=True)


def read_scores(out: Path) -> pd.DataFrame:
    """``protocol, n, split, seed, fold, f1_macro`` of every finished trial, for the two splits that are compared."""
    rows = [
        {
            "protocol": record.protocol.name,
            "n": record.n_synthetic,
            "split": SPLITS[split],
            "seed": record.seed,
            "fold": record.protocol.fold,
            "f1_macro": record.scores[split]["f1_macro"],
        }
        for record in _records(out)
        for split in SPLITS
    ]
    return pd.DataFrame(rows).sort_values(["protocol", "split", "n", "seed", "fold"], ignore_index=True)


def quantities(scores: pd.DataFrame, protocol: str) -> dict[str, pd.Series[float]]:
    """Each quantity of a protocol by (seed, fold)."""
    by_name: dict[str, pd.Series[float]] = {}
    for split in SPLITS.values():
        rows = scores[(scores["protocol"] == protocol) & (scores["split"] == split)]
        values = rows.pivot_table(index=["seed", "fold"], columns="n", values="f1_macro")
        none, many = sorted(rows["n"].unique())
        by_name |= {f"{split} N=0": values[none], f"{split} N=50": values[many]}
        by_name[f"{split} gain"] = values[many] - values[none]
    return by_name


def effects(scores: pd.DataFrame, ratio: float) -> pd.DataFrame:
    """What each change moves: ``base, change, quantity, without, with, difference, low, high, p, places``."""
    rows = []
    for base, sign in (("strict", "+"), ("cytodiff", "-")):
        for change in CHANGES:
            changed = find_protocol(f"{base}{sign}{change}").name
            if changed not in set(scores["protocol"]):
                continue
            without, with_change = quantities(scores, base), quantities(scores, changed)
            for name in QUANTITIES:
                pairs = pd.concat([without[name], with_change[name]], axis=1, keys=["a", "b"]).dropna()
                effect = fold_difference({0: list(pairs["b"] - pairs["a"])}, ratio)
                rows.append(
                    {
                        "base": base,
                        "change": f"{sign}{change}",
                        "quantity": name,
                        "without": pairs["a"].mean(),
                        "with": pairs["b"].mean(),
                        "difference": effect.mean,
                        "low": effect.low,
                        "high": effect.high,
                        "p": effect.p,
                        "places": len(pairs),
                    }
                )
    return pd.DataFrame(rows)


def gains(scores: pd.DataFrame, ratio: float) -> pd.DataFrame:
    """The gain of synthetic images under each protocol, as reported and on the clean images, with its interval."""
    rows = []
    for protocol in PROTOCOLS:
        if protocol not in set(scores["protocol"]):
            continue
        of_protocol = quantities(scores, protocol)
        for split in SPLITS.values():
            gain = fold_difference({0: list(of_protocol[f"{split} gain"].dropna())}, ratio)
            means = {name: of_protocol[f"{split} N={name}"].mean() for name in (0, 50)}
            values = {"n0": means[0], "n50": means[50], "gain": gain.mean, "low": gain.low, "high": gain.high}
            rows.append({"protocol": protocol, "scores": split, **values, "p": gain.p})
    return pd.DataFrame(rows)


def draw(table: pd.DataFrame, file: Path) -> None:
    """The effects on the reported and the clean gain and score, with their intervals."""
    shown = ("reported N=50", "clean N=50", "reported gain", "clean gain")
    labels = [*dict.fromkeys(zip(table["base"], table["change"], strict=True))]
    plt.rcParams.update({"svg.fonttype": "none", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(1, len(shown), figsize=(12, 0.34 * len(labels) + 1.2), sharey=True, sharex=True)
    for axis, name in zip(axes, shown, strict=True):
        part = table[table["quantity"] == name]
        places = [labels.index(pair) for pair in zip(part["base"], part["change"], strict=True)]
        spread = [part["difference"] - part["low"], part["high"] - part["difference"]]
        axis.errorbar(part["difference"], places, xerr=spread, fmt="o", capsize=2, color="#1f4e79", markersize=4)
        axis.axvline(0, color="#888888", linewidth=0.8)
        axis.set_title(name, fontsize=9)
    axes[0].set_yticks(range(len(labels)), [f"{base} {change}" for base, change in labels])
    axes[0].invert_yaxis()
    figure.supxlabel("difference in macro F1, 95 % interval", fontsize=9)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def markdown(table: pd.DataFrame, by: Mapping[str, str]) -> str:
    """A Markdown table: one line for each pair of the first two columns, differences with intervals beside it."""
    lines = [f"| {' | '.join(by.values())} |", f"|{'---|' * len(by)}"]
    for _, row in table.iterrows():
        cells = [
            f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]" if name == "difference" else
            f"{row[name]:.3f}" if isinstance(row[name], float) else str(row[name])
            for name in by
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def read_all(out: Path) -> None:
    """Write scores, effects and the picture, and print the tables."""
    scores = read_scores(out)
    ratio = split_ratio(_records(out)[0])
    if ratio is None:
        raise SystemExit(f"the records of {out} name no training images.")
    effect_table, gain_table = effects(scores, ratio), gains(scores, ratio)
    scores.to_csv(out / "scores.csv", index=False, float_format="%.6f")
    effect_table.to_csv(out / "effects.csv", index=False, float_format="%.6f")
    gain_table.to_csv(out / "gains.csv", index=False, float_format="%.6f")
    draw(effect_table, out / "effects.svg")
    shown = {"protocol": "protocol", "scores": "scores", "n0": "N = 0", "n50": "N = 50", "difference": "gain"}
    print(markdown(gain_table.rename(columns={"gain": "difference"}), shown))
    names = ("base", "change", "quantity", "without", "with", "difference")
    print("\n" + markdown(effect_table, dict(zip(names, names, strict=True))))


def _records(out: Path) -> list[Record]:
    """The finished trials of every protocol's folder."""
    folders = [out / protocol for protocol in PROTOCOLS if (out / protocol / "records").is_dir()]
    return [record for record in read_records(folders) if record.status == "done"]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="run the benchmark under every protocol")
    running.add_argument("benchmark", type=Path)
    running.add_argument("--out", type=Path, required=True, help="a folder; each protocol has one in it")
    running.add_argument("--store", type=Path, help="where stages are kept (default: OUT/store)")
    running.add_argument("--fold", type=int, action="append", help="run this fold; repeatable (default: all five)")
    clean = running.add_mutually_exclusive_group(required=True)
    clean.add_argument("--external-test", help="a data set of clean images")
    clean.add_argument("--held-out", type=int, metavar="N", help="take N images a class that --limit leaves over")
    reading = commands.add_parser("read", help="make the tables and the picture of what was run")
    reading.add_argument("out", type=Path)
    options = parser.parse_args()
    if options.command == "read":
        return read_all(options.out)
    store = options.store or options.out / "store"
    external = options.external_test or str(held_out(options.benchmark, options.held_out, store / "held-out"))
    return run_all(options.benchmark, options.out, store, external, options.fold or range(5))


if __name__ == "__main__":
    main()
