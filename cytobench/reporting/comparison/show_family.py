"""The declared family as text: the headline, what it is held against, and the other comparisons."""

from __future__ import annotations

from collections.abc import Sequence

from cytobench._text import aligned_lines
from cytobench.analysis.comparison.baselines import Baselines
from cytobench.analysis.comparison.candidates import primary, validated
from cytobench.analysis.comparison.headline import DeclaredFamily, DeclaredPair, counts_beside
from cytobench.analysis.leaderboard.words import third_party_text
from cytobench.config.benchmark import Analysis
from cytobench.reporting.outcomes import difference_texts, extra_time_text, p_text, pair_text, priced_text
from cytobench.reporting.words import METRIC_NAMES, SPLIT_NAMES


def family_lines(family: DeclaredFamily) -> list[str]:
    """The declared family of a section: the rows that validation chose first, then the others."""
    lines = [family.section[0].section.title, _declared(family)]
    lines += [family.late] if family.late else []
    submitted = [one.name for one in family.section if one.row.submitted]
    lines += [f"{one.name}: {third_party_text(one.row)}." for one in family.section if one.row.third_party]
    if submitted:
        lines.append(f"Submitted rows are in no declared family, name them with --a and --b: {', '.join(submitted)}.")
    lines += _held_against(family)
    if not family.pairs:
        return [*lines, "No row of this section has the declared reference."]
    shown = {id(one.pair) for one in family.headline}
    beside = [pair for pair in family.pairs if pair.chosen and id(pair) not in shown]
    others = [pair for pair in family.pairs if not pair.chosen]
    return [
        *lines,
        *_headline(family),
        *_part("Against the reference: the N that validation chose", beside, family),
        *_part("The others", others, family),
    ]


def _declared(family: DeclaredFamily) -> str:
    (split, metric), _ = primary(family.section[0].section, family.analysis.metric)
    references = sum(pair.baselines is None for pair in family.pairs)
    head = f"Declared: {SPLIT_NAMES[split]} {METRIC_NAMES[metric]}; rows compared with their reference: {references}"
    if family.analysis.baselines:
        head += f", with the best baseline: {len(family.pairs) - references}"
    return f"{head}, p adjusted for all of them (Holm)."


def _held_against(family: DeclaredFamily) -> list[str]:
    """What the headline is compared with, and how that was chosen."""
    if not family.analysis.baselines:
        reference = family.analysis.reference
        which = "the plain N = 0" if reference == Analysis().reference else reference
        return [f"No baselines are declared: the reference is {which}. docs/baselines.md has stronger ones."]
    lines = [line for one in family.baselines for line in _chosen(one, family.analysis.metric)]
    if family.absent:
        lines.append(f"Declared as baselines, without a finished trial: {', '.join(family.absent)}.")
    return lines


def _chosen(found: Baselines, metric: str) -> list[str]:
    left_out = "; ".join(f"{one.name} ({why})" for one, why in found.left_out)
    if found.best is None:
        return [f"Best baseline of {found.plugin}: none can be chosen. Left out: {left_out or 'none is there'}."]
    _, (split, _) = primary(found.best.section, metric)
    figures = [f"{one.name} {validated(one, (split, metric)):.3f}" for one in found.among]
    among = f"chosen by {METRIC_NAMES[metric]} on {SPLIT_NAMES[split]} among {len(figures)}: {', '.join(figures)}"
    if len(figures) == 1:
        among = "the only one that could be chosen"
    line = f"Best baseline of {found.plugin}: {found.best.name}, {among}."
    return [line, *([f"Left out of these: {left_out}."] if left_out else [])]


def _headline(family: DeclaredFamily) -> list[str]:
    if not family.headline:
        needed = "a complete row"
        if family.analysis.baselines:
            needed += ", and a baseline that can be chosen"
        return ["", f"No headline yet: it needs {needed}."]
    against = ", against the best baseline" if family.analysis.baselines else ""
    pairs = [one.pair for one in family.headline]
    return [*_part(f"Headline: the N that validation chose{against}", pairs, family), *_prices(family)]


def _prices(family: DeclaredFamily) -> list[str]:
    rows = [
        [one.pair.row.name, f"{one.cost.gain.mean:+.3f}", extra_time_text(one.cost), priced_text(one.cost)]
        for one in family.headline
        if one.cost is not None
    ]
    device = family.section[0].section.device
    return ["", *aligned_lines([["gain and cost", "gain", f"extra time of {device}", ""], *rows])] if rows else []


def _part(title: str, pairs: Sequence[DeclaredPair], family: DeclaredFamily) -> list[str]:
    if not pairs:
        return []
    head = ["row", "compared with", "difference", "95 % interval", "p", "p (Holm)", ""]
    return ["", title, *aligned_lines([head, *(_row(pair, family) for pair in pairs)])]


def _row(pair: DeclaredPair, family: DeclaredFamily) -> list[str]:
    words = pair_text(pair)
    if pair.chosen:
        counts = counts_beside(family.section, pair.row)
        among = f"chosen among {', '.join(map(str, counts))}" if len(counts) > 1 else "the only N"
        words = f"{words} (N = {pair.row.row.n_synthetic}, {among})"
    cells = ["-"] * 3 if pair.difference is None else difference_texts(pair.difference)
    return [pair.row.name, pair.reference.name, *cells, p_text(pair.p_holm), words]
