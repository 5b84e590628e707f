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
from cytobench.metrics.statistics.folds import FoldDifference
from cytobench.reporting.outcomes import extra_time_text, why_not_known
from cytobench.reporting.page.gather import Group


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
    found = _chosen(group.family)
    if found is None:
        return _nothing(_why_no_headline(group), caveats)
    difference = found.pair.difference
    conclusion = found.pair.conclusion
    why = why_not_known(conclusion)
    if difference is None or found.cost is None:
        return _nothing(f"{_subject(found)} cannot be compared on {_where(group.section)}: {why}", caveats)
    control = _control(group.family, found)
    change = f"changes {found.cost.metric.title} on test by {signed(difference)}"
    sentence = f"{_subject(found)} {change} against {_against(found)}, on {_where(group.section)}"
    beside = "" if control is None else f"; {_control_text(control, found, group.family)}"
    taken_back = conclusion.reason.cause is Cause.FAMILY
    holm = f" (p {found.pair.p_holm:.2g} adjusted for {found.pair.family} comparisons)" if taken_back else ""
    return Verdict(
        outcome=conclusion.outcome,
        rest=f"{sentence}{holm}{f', and {why}' if why else ''}{beside}.",
        caveats=caveats,
        figures=_figures(found, control, group.family),
        headline=found,
        control=control,
    )


def words_of(verdicts: Iterable[Verdict]) -> list[str]:
    """What the verdicts are about, each once: classifiers, generators, metrics."""
    found: dict[str, None] = {}
    for one in verdicts:
        if one.headline is not None:
            row = one.headline.pair.row
            found |= dict.fromkeys((row.row.classifier, row.row.generator, "f1_macro"))
    return list(found)


def signed(found: FoldDifference) -> str:
    """``+0.033 (95 % interval -0.097 to +0.163)``, with a real minus sign."""
    mean = _number(found.mean)
    if found.low is None or found.high is None:
        return f"{mean} (no interval)"
    return f"{mean} (95\N{NO-BREAK SPACE}% interval {_number(found.low)} to {_number(found.high)})"


def _number(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def _nothing(why: str, caveats: tuple[str, ...]) -> Verdict:
    return Verdict(Outcome.NOT_KNOWN, f"{why.rstrip('.')}.", caveats, ())


def _chosen(family: DeclaredFamily) -> Headline | None:
    """Which comparison the sentence is about. Validation decides, never a test figure; no control if one is none."""
    _, validation = primary(family.section[0].section, family.analysis.metric)

    def order(one: Headline) -> tuple[bool, bool, bool, float]:
        row = one.pair.row
        return (
            row.first.classifier.role == "candidate",
            _role(row) == "candidate",
            one.pair.difference is not None,
            goodness_on_validation(row, validation),
        )

    return max(family.headline, key=order, default=None)


def _subject(found: Headline) -> str:
    row = found.pair.row.row
    images = "image" if row.n_synthetic == 1 else "images"
    return (
        f"adding {row.n_synthetic} synthetic {images} a class from {row.generator} to the training of {row.classifier}"
    )


def _against(found: Headline) -> str:
    reference = found.pair.reference.row
    plain = "no synthetic images" if not reference.n_synthetic else reference.row
    if found.pair.baselines is None:
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
    found = []
    if section.preset == "pocket":
        found.append("tiny networks stand in for the named ones")
    if section.drawn:
        found.append("drawn cells: nothing here is about real ones")
    if section.limit is not None:
        found.append(f"data cut to {section.limit} images a class")
    if section.pooled:
        found.append("synthetic images are among those tested, so that leaks are possible")
    if len(section.seeds) == 1:
        found.append("one seed")
    if section.grouped == "images only" and not section.drawn:
        found.append("no patients on record: two cells of one person may be in training and test")
    if group.family is None:
        return found
    if group.family.analysis == Analysis():
        found.append("no analysis was declared beforehand: each row is compared with the plain N = 0")
    elif not group.family.analysis.baselines:
        found.append("no baselines of real images were declared")
    return [*found, group.family.late.rstrip(".")] if group.family.late else found


def _role(row: Candidate) -> Role:
    return row.first.generator.role if row.first.generator else "candidate"


def _control(family: DeclaredFamily, found: Headline) -> Candidate | None:
    """The row of the same classifier that trains on a control's images instead; the nearest in shots and N."""
    wanted = found.pair.row
    rows = [
        one
        for one in family.section
        if _role(one) == "control"
        and one.classifier == wanted.classifier
        and one is not wanted
        and one is not found.pair.reference
    ]
    return min(
        rows,
        key=lambda one: (
            abs(one.row.shots - wanted.row.shots),
            abs(one.row.n_synthetic - wanted.row.n_synthetic),
        ),
        default=None,
    )


def _beside(control: Candidate, found: Headline, family: DeclaredFamily) -> FoldDifference | None:
    """What the control changes against what the verdict compares with."""
    test, _ = primary(control.section, family.analysis.metric)
    return row_difference(control, found.pair.reference, test)[0]


def _control_text(control: Candidate, found: Headline, family: DeclaredFamily) -> str:
    difference = _beside(control, found, family)
    name, images = control.row.generator, _images_of(control)
    made = f"{images} a class ({name})" if images else f"images a class of the control {name}"
    amount = "an amount not known" if difference is None else signed(difference)
    return f"{control.row.n_synthetic} {made} change it by {amount}"


def _images_of(control: Candidate) -> str:
    """What the control's images are, in its plugin's words; empty where it has none."""
    return control.first.generator.images_are if control.first.generator else ""


def _figures(found: Headline, control: Candidate | None, family: DeclaredFamily) -> tuple[tuple[str, str], ...]:
    difference = found.pair.difference
    assert difference is not None and found.cost is not None  # asked before
    figures = [
        (f"change in {found.cost.metric.title}", _number(difference.mean)),
        ("95\N{NO-BREAK SPACE}% interval", _interval(difference)),
    ]
    if control is not None:
        beside = _beside(control, found, family)
        what = _images_of(control) or f"the control {control.row.generator}"
        figures.append((f"with {what}", "not known" if beside is None else _number(beside.mean)))
    figures.append(("extra time", extra_time_text(found.cost)))
    return tuple(figures)


def _interval(found: FoldDifference) -> str:
    if found.low is None or found.high is None:
        return "none"
    return f"{_number(found.low)} to {_number(found.high)}"
