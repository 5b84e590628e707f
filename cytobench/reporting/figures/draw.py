"""Which figures there are for results folders, and those that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cytobench._text import did_you_mean
from cytobench.analysis.comparison.candidates import candidates_of
from cytobench.analysis.published import with_published
from cytobench.analysis.results import read_results
from cytobench.errors import CytobenchError, UserError, option
from cytobench.plugins import Plugins, load_plugins
from cytobench.reporting.figures.classes import class_plans
from cytobench.reporting.figures.cost import cost_plans
from cytobench.reporting.figures.curves import curve_plans
from cytobench.reporting.figures.drawing import Drawing, Plan
from cytobench.reporting.figures.fidelity import fidelity_plans
from cytobench.reporting.figures.gallery import BY_CLASS, BY_SHOTS, gallery_plans
from cytobench.reporting.figures.matrices import matrix_plans
from cytobench.reporting.figures.section import PlottedSection
from cytobench.reporting.figures.text import listed
from cytobench.reporting.words import first_line
from cytobench.storage.records import Record

_CLASSIFIER = "a finished row of the classifier {} {}"
NEEDS: Mapping[str, str] = {
    "S1": "synthetic images in the run's store",
    **{tag: "synthetic images of several numbers of shots in the run's store" for tag in ("S5", "S6", "S7")},
    "S2": _CLASSIFIER.format("resnet50", "with any N"),
    "S3": _CLASSIFIER.format("clip or resnet50", "with any N"),
    "S4": _CLASSIFIER.format("clip", "without synthetic images"),
    "S9": _CLASSIFIER.format("resnet50", "with any N"),
    "S10": _CLASSIFIER.format("clip", "with any N"),
    "S8": "fidelity on record: run with {extractor}",
}
"""What the figures of a tag of the study need."""


def drawings(
    folders: Sequence[Path],
    only: Sequence[str] = (),
    with_real_images: bool = False,
    store: Path | None = None,
    say: Callable[[str], None] = lambda message: None,
    metric: Sequence[str] = (),
    plugins: Callable[[], Plugins] = load_plugins,
) -> Iterator[Drawing]:
    """The figures of results folders, one after the other, from their records and predictions alone.

    ``only`` keeps those of these names and tags (``S3``, of the study's figures and tables), in upper or lower case;
    all without it. ``say`` is told in a sentence what cannot be drawn and why. Galleries need the run's store, by
    default ``store`` in its folder; they show real images where the data set is public or drawn, or where
    ``with_real_images`` allows it.
    There are curves of the study's metrics, of those declared, and of each ``metric`` named, by the first of which rows
    are compared; ``plugins`` loads plugins where one is not built in.

    Raises UserError for folders without records and for a name or tag that no figure has, and CytobenchError where no
    trial is finished.
    """
    left: list[str] = []
    every = plans(folders, with_real_images, store, left.append, metric, plugins)
    chosen = selected(every, only, left)
    for message in left if not only else ():
        say(message)
    for plan in chosen:
        try:
            yield plan.draw(plan.name)
        except CytobenchError as error:
            say(f"{plan.name} is left out: {error}")


def plans(
    folders: Sequence[Path],
    real: bool,
    store: Path | None,
    say: Callable[[str], None],
    metric: Sequence[str] = (),
    plugins: Callable[[], Plugins] = load_plugins,
) -> list[Plan]:
    """All figures that can be drawn, each under a name of its own."""
    results = read_results(folders, metric, plugins)
    sections = candidates_of(results.files, with_published(results.board, results.records))
    if not sections:
        raise CytobenchError(_nothing(results.records))
    every: list[Plan] = []
    for number, rows in enumerate(sections, 1):
        plotted = PlottedSection(tuple(rows), f"-section{number}" if len(sections) > 1 else "")
        every += record_plans(plotted)
        every += gallery_plans(plotted, store, real, say)
        _say_incomplete(plotted, say)
    return _apart(every)


def record_plans(plotted: PlottedSection) -> list[Plan]:
    """The figures of a section that its records and predictions are enough for."""
    kinds = (curve_plans, class_plans, matrix_plans, fidelity_plans, cost_plans)
    return [plan for kind in kinds for plan in kind(plotted)]


def selected(every: Sequence[Plan], only: Sequence[str], left: Sequence[str] = ()) -> list[Plan]:
    """Those of these names or tags, in their order.

    Raises UserError for a word that is neither, with near ones, what the study's tags need, and what is ``left`` out.
    """
    known = {word.lower(): word for plan in every for word in (plan.name, *plan.tags)}
    for word in only:
        if word.lower() not in known:
            raise UserError(_unknown(word, every, known, left))
    wanted = {word.lower() for word in only}
    return [plan for plan in every if not wanted or wanted & {word.lower() for word in (plan.name, *plan.tags)}]


def _unknown(word: str, every: Sequence[Plan], known: Mapping[str, str], left: Sequence[str]) -> str:
    needs = NEEDS.get(word.upper(), "").format(extractor=option("extractor"))
    hint = f" It needs {needs}." if needs else did_you_mean(word, known.values())
    tags = sorted({tag for plan in every for tag in plan.tags}, key=lambda tag: (len(tag), tag))
    names = listed([plan.name for plan in every], 8)
    said = "".join(f" {message}" for message in left if word.upper() in (*BY_CLASS, *BY_SHOTS) or not hint)
    known_ones = f"Tags: {', '.join(tags) or 'none'}. Names: {names}."
    return f"{option('only', word)}: no figure of these results has this name or tag.{hint} {known_ones}{said}"


def _apart(every: Sequence[Plan]) -> list[Plan]:
    """The plans, those of one name numbered: some file systems take upper and lower case for the same."""
    seen: dict[str, int] = {}
    result = []
    for plan in every:
        key = plan.name.lower()
        seen[key] = seen.get(key, 0) + 1
        result.append(plan if seen[key] == 1 else replace(plan, name=f"{plan.name}-{seen[key]}"))
    return result


def _say_incomplete(plotted: PlottedSection, say: Callable[[str], None]) -> None:
    drawn = {(candidate.row.row, candidate.row.settings) for candidate in plotted.rows}
    for row in plotted.section.rows:
        if (row.row, row.settings) not in drawn:
            errors = "; ".join(dict.fromkeys(first_line(error) for error in row.failed.values()))
            say(f"{row.row} is in no figure: no trial of it is finished{f' ({errors})' if errors else ''}.")
        elif not row.complete:
            say(f"{row.row} is incomplete: its points in curves are hollow, and it is in no sum over folds.")


def _nothing(records: Sequence[Record]) -> str:
    errors = dict.fromkeys(
        first_line(f"{record.error.type}: {record.error.message}") for record in records if record.error
    )
    return (
        f"there is nothing to draw: none of the {len(records)} trials on record is finished ({'; '.join(errors)}). "
        "Run the benchmark again."
    )
