"""The declared family as text: the headline, what it is held against, and the other comparisons."""

from __future__ import annotations

from collections.abc import Sequence

from cytobench.analysis.comparison.baselines import Baselines
from cytobench.analysis.comparison.candidates import primary, validated
from cytobench.analysis.comparison.headline import DeclaredFamily, DeclaredPair, counts_compared
from cytobench.analysis.leaderboard.words import third_party_text
from cytobench.config.benchmark import Analysis
from cytobench.errors import option
from cytobench.reporting.outcomes import extra_time_text, pair_texts, priced_text
from cytobench.reporting.tables import texts
from cytobench.reporting.tables.terminal import text_lines
from cytobench.reporting.words import SPLIT_NAMES


def family_lines(family: DeclaredFamily) -> list[str]:
    """The declared family of a section: the rows that validation chose first, then the others."""
    section = family.section[0].section
    lines = [section.title, _declared(family)]
    lines += [family.late] if family.late else []
    submitted = [row.name for row in family.section if row.row.submitted]
    lines += [f"{row.name}: {third_party_text(row.row)}." for row in family.section if row.row.third_party]
    if submitted:
        named = f"name them with {option('a')} and {option('b')}: {', '.join(submitted)}"
        lines.append(f"Submitted rows are in no declared family, {named}.")
    lines += _held_against(family)
    if not family.pairs:
        return [*lines, "No row of this section has the declared reference."]
    shown = {id(headline.pair) for headline in family.headline}
    chosen = [pair for pair in family.pairs if pair.chosen and id(pair) not in shown]
    others = [pair for pair in family.pairs if not pair.chosen]
    return [
        *lines,
        *_headline(family),
        *_part("Against the reference: the N that validation chose", chosen, family),
        *_part("The others", others, family),
    ]


def _declared(family: DeclaredFamily) -> str:
    section = family.section[0].section
    (split, metric), _ = primary(section, family.analysis.metric)
    references = sum(pair.baselines is None for pair in family.pairs)
    compared = f"{SPLIT_NAMES[split]} {section.metric(metric).title}; rows compared with their reference"
    head = f"Declared: {compared}: {references}"
    if family.analysis.baselines:
        head += f", with the best baseline: {len(family.pairs) - references}"
    return f"{head}, p adjusted for all of them (Holm)."


def _held_against(family: DeclaredFamily) -> list[str]:
    """What the headline is compared with, and how that was chosen."""
    if not family.analysis.baselines:
        reference = family.analysis.reference
        which = "the plain N = 0" if reference == Analysis().reference else reference
        return [f"No baselines are declared: the reference is {which}. docs/baselines.md has stronger ones."]
    lines = [line for baselines in family.baselines for line in _chosen(baselines, family.analysis.metric)]
    if family.absent:
        lines.append(f"Declared as baselines, without a finished trial: {', '.join(family.absent)}.")
    return lines


def _chosen(baselines: Baselines, metric: str) -> list[str]:
    left_out = "; ".join(f"{row.name} ({why})" for row, why in baselines.left_out)
    if baselines.best is None:
        return [f"Best baseline of {baselines.plugin}: none can be chosen. Left out: {left_out or 'none is there'}."]
    section = baselines.best.section
    _, validation = primary(section, metric)
    scores = [f"{row.name} {validated(row, validation):.3f}" for row in baselines.among]
    name, split = section.metric(metric).title, SPLIT_NAMES[validation[0]]
    among = f"chosen by {name} on {split} among {len(scores)}: {', '.join(scores)}"
    if len(scores) == 1:
        among = "the only one that could be chosen"
    line = f"Best baseline of {baselines.plugin}: {baselines.best.name}, {among}."
    return [line, *([f"Left out of these: {left_out}."] if left_out else [])]


def _headline(family: DeclaredFamily) -> list[str]:
    if not family.headline:
        needed = "a complete row"
        if family.analysis.baselines:
            needed += ", and a baseline that can be chosen"
        return ["", f"No headline yet: it needs {needed}."]
    against = ", against the best baseline" if family.analysis.baselines else ""
    pairs = [headline.pair for headline in family.headline]
    return [*_part(f"Headline: the N that validation chose{against}", pairs, family), *_prices(family)]


def _prices(family: DeclaredFamily) -> list[str]:
    rows = [
        [pair.row.name, f"{cost.gain.mean:+.3f}", extra_time_text(cost), priced_text(cost)]
        for pair, cost in ((headline.pair, headline.cost) for headline in family.headline)
        if cost is not None
    ]
    names = ["gain and cost", "gain", f"extra time of {family.section[0].section.device}", ""]
    return ["", *text_lines(texts(names, rows))] if rows else []


def _part(title: str, pairs: Sequence[DeclaredPair], family: DeclaredFamily) -> list[str]:
    if not pairs:
        return []
    names = ["row", "compared with", "difference", "95 % interval", "p", "p (Holm)", ""]
    return ["", title, *text_lines(texts(names, [_row(pair, family) for pair in pairs]))]


def _row(pair: DeclaredPair, family: DeclaredFamily) -> list[str]:
    *cells, outcome = pair_texts(pair)
    if pair.chosen:
        counts = counts_compared(family.section, pair.row)
        among = f"chosen among {', '.join(map(str, counts))}" if len(counts) > 1 else "the only N"
        outcome = f"{outcome} (N = {pair.row.row.n_synthetic}, {among})"
    return [*cells, outcome]
