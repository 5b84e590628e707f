"""What ``cytobench fidelity`` prints: a table for each class, so that figures of different n share no column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from cytobench.cli.output.table import table
from cytobench.metrics.copying import Copying
from cytobench.metrics.fidelity.measure import Fidelity, Figure, Floor
from cytobench.pipeline.fidelity.copies import Copies
from cytobench.pipeline.fidelity.report import Report

_NAMES = {"kid": "KID", "fid": "FID", "precision": "precision", "recall": "recall"}
_DIGITS = {"kid": 4, "fid": 2, "precision": 3, "recall": 3}


def show(report: Report) -> None:
    """Print a report made by :func:`cytobench.pipeline.fidelity.report.compare_folders`."""
    extractor, sources, comparison = report.extractor, report.sources, report.comparison
    digest = f", weights {extractor.weights_digest[:12]}" if extractor.weights_digest else ""
    whose = "" if extractor.built_in else f", third-party: {extractor.distribution}"
    ran = f"{extractor.ran.architecture}{digest}{whose}"
    click.echo(f"extractor {extractor.name} ({ran}), {extractor.dimension} features")
    click.echo(f"real images, the reference: {sources.real}; synthetic images: {sources.synthetic}")
    rows = {"all images": comparison.total, **comparison.classes}
    for label, fidelity in rows.items():
        click.echo("")
        _show(label, fidelity)
    if _mixed_otherwise(comparison.classes):
        click.echo("\nThe classes have other shares of the real images than of the synthetic ones: of all images the")
        click.echo("figures show that too, and those of the classes do not.")
    if comparison.copies is not None:
        _show_copies(report, comparison.copies)
    _reasons(rows)


def _show(label: str, fidelity: Fidelity) -> None:
    header = [f"{label}: {fidelity.n_real} real, {fidelity.n_synthetic} synthetic", "", "95 % interval"]
    if fidelity.floor is not None:
        header.append(f"floor: {_halves(fidelity.floor)}")
    rows = []
    for name, title in _NAMES.items():
        figure = getattr(fidelity, name)
        row = [f"  {title}", _number(figure.value, name) if figure else "too few", _interval(figure, name)]
        if fidelity.floor is not None:
            value = getattr(fidelity.floor, name)
            row.append("too few" if value is None else _number(value, name))
        rows.append(row)
    table(header, rows)


def _interval(figure: Figure | None, name: str) -> str:
    if figure is None or figure.low is None or figure.high is None:
        return "-"
    return f"{_number(figure.low, name)} to {_number(figure.high, name)}"


def _number(value: float, name: str) -> str:
    return f"{value:.{_DIGITS[name]}f}"


def _halves(floor: Floor) -> str:
    smallest, largest = (pick(size for split in floor.halves for size in split) for pick in (min, max))
    sizes = f"{smallest}" if smallest == largest else f"{smallest} to {largest}"
    return f"real against real, {sizes} each"


def _mixed_otherwise(classes: Mapping[str, Fidelity]) -> bool:
    """Whether the share of a class differs by more than a hundredth between the two sides."""
    n_real = sum(fidelity.n_real for fidelity in classes.values())
    n_synthetic = sum(fidelity.n_synthetic for fidelity in classes.values())
    shares = [(fidelity.n_real / n_real, fidelity.n_synthetic / n_synthetic) for fidelity in classes.values()]
    return any(abs(real - synthetic) > 0.01 for real, synthetic in shares)


def _show_copies(report: Report, copies: Copies) -> None:
    """The test for copies: a line a class, and the verdict over all."""
    sources = report.sources
    click.echo(f"\ncopies of the shots: {sources.shots}; held out: {sources.holdout or sources.real}")
    if sources.chosen is None:
        click.echo("p holds if the shots were drawn at random from both together; else say how: --shots-chosen HOW")
    header = ["class", "shots", "held out", "synthetic", "p sum", "p max", "p", "p Holm", "smallest p"]
    header += ["near-copies", "of held-out", "copying"]
    table(header, [_copying(label, test) for label, test in copies.by_class.items()])
    total = report.comparison.total.copying
    assert total is not None  # it stands where copies were looked for
    click.echo(total["verdict"])
    for label, test in copies.by_class.items() if len(copies.by_class) > 1 else ():
        if test.reason is not None:
            click.echo(f"  {label}: {test.reason}")


def _copying(label: str, test: Copying) -> list[str]:
    p_values = (test.p_value, test.p_max, test.p_combined, test.p_holm, test.smallest_p)
    counts = (test.n_near_copies, test.n_near_copies_held_out)
    return [
        *(label, str(test.n_shots), str(test.n_held_out), str(test.n_synthetic)),
        *("-" if value is None else f"{value:.2g}" for value in p_values),
        *("-" if count is None else str(count) for count in counts),
        test.outcome,
    ]


def _reasons(rows: Mapping[str, Fidelity]) -> None:
    """Why figures are absent, each reason once with the classes it is true of."""
    absent: dict[str, list[str]] = {}
    for label, fidelity in rows.items():
        for name, reason in fidelity.reasons.items():
            if name != "copying" or fidelity.copying is None:
                absent.setdefault(f"{_named(name)} {reason}", []).append(label)
    if absent:
        click.echo("\nabsent")
    for reason, labels in absent.items():
        click.echo(f"  {reason} ({_some(labels)})")


def _named(name: str) -> str:
    first, _, rest = name.partition(".")
    if first == "copying":
        return "the test for copies of the shots"
    if first == "floor":
        return f"the floor of {_NAMES[rest]}" if rest else "the floor"
    return f"the interval of {_NAMES[first]}" if rest else _NAMES[first]


def _some(labels: Sequence[str]) -> str:
    return ", ".join(labels[:4]) + (f" and {len(labels) - 4} more" if len(labels) > 4 else "")
