"""Show what ``cytobench fidelity`` measured: a table for each class, so that figures of different n share no column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from cytobench.cli.described import table
from cytobench.fidelity.compare import Report
from cytobench.fidelity.measure import Fidelity, Figure, Floor

_NAMES = {"kid": "KID", "fid": "FID", "precision": "precision", "recall": "recall"}
_DIGITS = {"kid": 4, "fid": 2, "precision": 3, "recall": 3}


def show(report: Report) -> None:
    """Print a report made by :func:`cytobench.fidelity.compare.compare_folders`."""
    extractor = report.extractor
    digest = f", weights {extractor.weights_digest[:12]}" if extractor.weights_digest else ""
    click.echo(f"extractor {extractor.name} ({extractor.ran.architecture}{digest}), {extractor.dimension} features")
    click.echo(f"real images, the reference: {report.real}; synthetic images: {report.synthetic}")
    rows = {"all images": report.total, **report.classes}
    for label, one in rows.items():
        click.echo("")
        _show(label, one)
    _reasons(rows)


def _show(label: str, one: Fidelity) -> None:
    header = [f"{label}: {one.n_real} real, {one.n_synthetic} synthetic", "", "95 % interval"]
    if one.floor is not None:
        header.append(f"floor: {_halves(one.floor)}")
    rows = []
    for name, title in _NAMES.items():
        figure = getattr(one, name)
        row = [f"  {title}", _number(figure.value, name) if figure else "-", _interval(figure, name)]
        if one.floor is not None:
            value = getattr(one.floor, name)
            row.append("-" if value is None else _number(value, name))
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


def _reasons(rows: Mapping[str, Fidelity]) -> None:
    """Why figures are absent, each reason once with the classes it is true of."""
    found: dict[str, list[str]] = {}
    for label, one in rows.items():
        for name, reason in one.reasons.items():
            found.setdefault(f"{_named(name)} {reason}", []).append(label)
    if found:
        click.echo("\nabsent")
    for reason, labels in found.items():
        click.echo(f"  {reason} ({_some(labels)})")


def _named(name: str) -> str:
    first, _, rest = name.partition(".")
    if first == "floor":
        return f"the floor of {_NAMES[rest]}" if rest else "the floor"
    return f"the interval of {_NAMES[first]}" if rest else _NAMES[first]


def _some(labels: Sequence[str]) -> str:
    return ", ".join(labels[:4]) + (f" and {len(labels) - 4} more" if len(labels) > 4 else "")
