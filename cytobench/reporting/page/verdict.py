"""The verdict on a section in one sentence: what validation chose, against what, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cytobench.analysis.comparison.candidates import Candidate, goodness_on_validation, primary
from cytobench.analysis.comparison.headline import DeclaredFamily, Headline, row_difference
from cytobench.analysis.leaderboard.model import Section
from cytobench.analysis.outcomes import Cause, Outcome
from cytobench.config.benchmark import Analysis
from cytobench.contract import Role
from cytobench.data.findings import IMAGES_ONLY
from cytobench.metrics.statistics.folds import FoldDifference
from cytobench.reporting.outcomes import extra_time_text, why_not_known
from cytobench.reporting.page.gather import Group

_FINDINGS = {
    "like_labels": "some classes are probably one, written in two ways",
    "contradicting_copies": "some pictures are there under several labels",
    "uneven_folds": "folds are uneven",
    "like_patients": "some patients are probably written in several ways",
    "unnamed_patients": "images of unknown patients count as of one",
}
"""Findings that a verdict tells."""


@dataclass(frozen=True)
class Verdict:
    """One sentence, in two parts: ``lead`` says the outcome, ``rest`` says how much and how sure."""

    outcome: Outcome
    rest: str
    caveats: tuple[str, ...]
    """What limits it: a few words each."""
    figures: tuple[tuple[str, str], ...]
    """Its figures by what they are, for reading at a glance."""
    headline: Headline | None = None
    """The comparison it is about; None where there is none."""
    control: Candidate | None = None
    """The row of a control beside it."""

    @property
    def lead(self) -> str:
        """The outcome as the sentence begins with it."""
        return self.outcome.capitalize()


def verdict(group: Group) -> Verdict:
    """The verdict on a section. Of several generators the one is taken whose validation figure is highest."""
    caveats = tuple(_caveats(group))
    if group.family is None:
        return _nothing(f"{_where(group.section)}: {group.why_none}", caveats)
    headline = _chosen(group.family)
    if headline is None:
        return _nothing(_why_no_headline(group), caveats)
    difference = headline.pair.difference
    conclusion = headline.pair.conclusion
    why = why_not_known(conclusion)
    if difference is None or headline.cost is None:
        return _nothing(f"{_subject(headline)} cannot be compared on {_where(group.section)}: {why}", caveats)
    control = _control(group.family, headline)
    change = f"changes {headline.cost.metric.title} on test by {signed(difference)}"
    sentence = f"{_subject(headline)} {change} against {_against(headline)}, on {_where(group.section)}"
    beside = "" if control is None else f"; {_control_text(control, headline, group.family)}"
    taken_back = conclusion.reason.cause is Cause.FAMILY
    holm = f" (p {headline.pair.p_holm:.2g} adjusted for {headline.pair.family} comparisons)" if taken_back else ""
    return Verdict(
        outcome=conclusion.outcome,
        rest=f"{sentence}{holm}{f', and {why}' if why else ''}{beside}.",
        caveats=caveats,
        figures=_figures(headline, control, group.family),
        headline=headline,
        control=control,
    )


def words_of(verdicts: Iterable[Verdict]) -> list[str]:
    """What the verdicts are about, each once: classifiers, generators, metrics."""
    words: dict[str, None] = {}
    for each in verdicts:
        if each.headline is not None:
            row = each.headline.pair.row
            metric = row.section.ranked_by[1] if each.headline.cost is None else each.headline.cost.metric.name
            words |= dict.fromkeys((row.row.classifier, row.row.generator, metric))
    return list(words)


def signed(difference: FoldDifference) -> str:
    """``+0.033 (95 % interval -0.097 to +0.163)``, with a real minus sign."""
    mean = _number(difference.mean)
    if difference.low is None or difference.high is None:
        return f"{mean} (no interval)"
    return f"{mean} (95\N{NO-BREAK SPACE}% interval {_number(difference.low)} to {_number(difference.high)})"


def _number(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def _nothing(why: str, caveats: tuple[str, ...]) -> Verdict:
    return Verdict(Outcome.NOT_KNOWN, f"{why.rstrip('.')}.", caveats, ())


def _chosen(family: DeclaredFamily) -> Headline | None:
    """Which comparison the sentence is about. Validation decides, never a test figure; no control if one is none."""
    _, validation = primary(family.section[0].section, family.analysis.metric)

    def order(headline: Headline) -> tuple[bool, bool, bool, bool, float]:
        row = headline.pair.row
        return (
            not row.row.copied,
            row.first.classifier.role == "candidate",
            _role(row) == "candidate",
            headline.pair.difference is not None,
            goodness_on_validation(row, validation),
        )

    return max(family.headline, key=order, default=None)


def _subject(headline: Headline) -> str:
    row = headline.pair.row.row
    images = "image" if row.n_synthetic == 1 else "images"
    kind, beside = "synthetic ", ""
    if row.copies is not None and row.copies.found:  # a copy of a real image is never called synthetic
        some = "" if row.copies.found == row.copies.n_images else "some of them "
        kind, beside = "", f", {some}copies of real ones,"
    added = f"{row.n_synthetic} {kind}{images} a class from {row.generator}{beside}"
    return f"adding {added} to the training of {row.classifier}"


def _against(headline: Headline) -> str:
    reference = headline.pair.reference.row
    plain = "no synthetic images" if not reference.n_synthetic else reference.row
    if headline.pair.baselines is None:
        return plain
    return f"the best baseline, as validation chose it ({reference.row})"


def _where(section: Section) -> str:
    data = f"{section.dataset} (drawn by a program)" if section.drawn else section.dataset
    folds = f"{len(section.folds_declared)} of {section.folds_made} folds"
    if len(section.folds_declared) == section.folds_made:
        folds = f"{section.folds_made} folds"
    if section.alone:
        return f"{data}, submitted predictions, {folds}"
    return f"{data}, protocol {section.protocol}, preset {section.preset}, {folds}"


def _why_no_headline(group: Group) -> str:
    """Why a section has comparisons and no verdict."""
    section = group.section
    if all(not row.n_synthetic for row in section.rows):
        return f"no finished row on {_where(section)} has synthetic images"
    if any(not row.complete for row in section.rows):
        return f"on {_where(section)} the rows to compare are not complete"
    return f"no row on {_where(section)} has the declared reference"


def _caveats(group: Group) -> list[str]:
    section = group.section
    caveats = []
    if section.preset == "pocket":
        caveats.append("tiny networks stand in for the named ones")
    if section.drawn:
        caveats.append("drawn cells: nothing here is about real ones")
    if section.limit is not None:
        caveats.append(f"data cut to {section.limit} images a class")
    if section.pooled:
        caveats.append("synthetic images are among those tested, so that leaks are possible")
    if len(section.seeds) == 1:
        caveats.append("one seed")
    if not section.patients_apart and not section.drawn:
        which = "no patients on record" if section.grouped == IMAGES_ONLY else section.grouped
        caveats.append(f"{which}: two cells of one person may be in training and test")
    caveats += [words for kind, words in _FINDINGS.items() if section.finds(kind)]
    if group.family is None:
        return caveats
    if group.family.analysis == Analysis():
        caveats.append("no analysis was declared beforehand: each row is compared with the plain N = 0")
    elif not group.family.analysis.baselines:
        caveats.append("no baselines of real images were declared")
    return [*caveats, group.family.late.rstrip(".")] if group.family.late else caveats


def _role(row: Candidate) -> Role:
    return row.first.generator.role if row.first.generator else "candidate"


def _control(family: DeclaredFamily, headline: Headline) -> Candidate | None:
    """The row of the same classifier that trains on a control's images instead; the nearest in shots and N."""
    wanted = headline.pair.row
    rows = [
        candidate
        for candidate in family.section
        if _role(candidate) == "control"
        and candidate.classifier == wanted.classifier
        and candidate is not wanted
        and candidate is not headline.pair.reference
    ]
    return min(
        rows,
        key=lambda candidate: (
            abs(candidate.row.shots - wanted.row.shots),
            abs(candidate.row.n_synthetic - wanted.row.n_synthetic),
        ),
        default=None,
    )


def _beside(control: Candidate, headline: Headline, family: DeclaredFamily) -> FoldDifference | None:
    """What the control changes against what the verdict compares with."""
    test, _ = primary(control.section, family.analysis.metric)
    return row_difference(control, headline.pair.reference, test)[0]


def _control_text(control: Candidate, headline: Headline, family: DeclaredFamily) -> str:
    difference = _beside(control, headline, family)
    name, images = control.row.generator, _images_of(control)
    what = f"{images} a class ({name})" if images else f"images a class of the control {name}"
    amount = "an amount not known" if difference is None else signed(difference)
    return f"{control.row.n_synthetic} {what} change it by {amount}"


def _images_of(control: Candidate) -> str:
    """What the control's images are, in its plugin's words; empty where it has none."""
    return control.first.generator.images_are if control.first.generator else ""


def _figures(headline: Headline, control: Candidate | None, family: DeclaredFamily) -> tuple[tuple[str, str], ...]:
    difference = headline.pair.difference
    assert difference is not None and headline.cost is not None  # asked before
    figures = [
        (f"change in {headline.cost.metric.title}", _number(difference.mean)),
        ("95\N{NO-BREAK SPACE}% interval", _interval(difference)),
    ]
    if control is not None:
        beside = _beside(control, headline, family)
        what = _images_of(control) or f"the control {control.row.generator}"
        figures.append((f"with {what}", "not known" if beside is None else _number(beside.mean)))
    figures.append(("extra time", extra_time_text(headline.cost)))
    return tuple(figures)


def _interval(difference: FoldDifference) -> str:
    if difference.low is None or difference.high is None:
        return "none"
    return f"{_number(difference.low)} to {_number(difference.high)}"
