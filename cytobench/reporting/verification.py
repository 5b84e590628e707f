"""What doing a trial again showed, as text and as plain values for JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cytobench._text import aligned_lines, printable
from cytobench.analysis.verification import Agreement, Difference, Verification

_MEANING = {
    Agreement.EQUAL: "every prediction is the recorded one, to the last digit",
    Agreement.NEAR: "no probability is further from the recorded one than {tolerance:g}",
    Agreement.UNLIKE: "the predictions on record are not those that this trial gives here",
}


def verification_text(result: Verification) -> str:
    """The agreement first, then the figures behind it, then what was another."""
    lines = [f"{result.trial}: {result.agreement}: {_MEANING[result.agreement].format(tolerance=result.tolerance)}."]
    unmatched = f"; {result.unmatched} are of images or labels that only one has" if result.unmatched else ""
    lines.append(
        f"Predictions: {result.same_class} of {result.images} of the same class, largest difference of a probability "
        f"{result.largest:.2g}{unmatched}."
    )
    if result.images_equal is not None:
        other = [label for label, equal in result.images_equal.items() if not equal]
        lines.append(f"Synthetic images: {'the same' if not other else 'others of ' + ', '.join(other)}.")
    lines += _table("scores that differ", result.scores)
    lines += _table("what else differs", result.conditions)
    if not result.conditions:
        lines.append("Data, settings, weights, software and device are those on record.")
    return printable("\n".join(lines)) + "\n"


def verification_values(result: Verification) -> dict[str, Any]:
    """The same as plain values; docs/results.md names the keys."""
    values = asdict(result)
    for name in ("scores", "conditions"):
        values[name] = [difference._asdict() for difference in getattr(result, name)]
    return values


def _table(title: str, differences: tuple[Difference, ...]) -> list[str]:
    if not differences:
        return []
    rows = [(title, "on record", "again")]
    return aligned_lines([*rows, *((each.what, _short(each.recorded), _short(each.again)) for each in differences)])


def _short(value: object) -> str:
    text = "-" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
