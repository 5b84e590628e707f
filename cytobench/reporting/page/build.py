"""From results folders to a page: read, drawn, filled in, and written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

from cytobench.analysis.leaderboard.model import Leaderboard, Section
from cytobench.analysis.outcomes import Outcome
from cytobench.errors import option
from cytobench.plugins import Plugins, load_plugins
from cytobench.reporting.leaderboard.tables import published_table
from cytobench.reporting.page.classes import class_tables, shown_rows
from cytobench.reporting.page.galleries import sources_of
from cytobench.reporting.page.gather import Group, read_groups
from cytobench.reporting.page.media import Media
from cytobench.reporting.page.page import render
from cytobench.reporting.page.pictures import Budget, section_gallery
from cytobench.reporting.page.provenance import merged_notes, provenance, why_apart
from cytobench.reporting.page.realdata import RealDataSets
from cytobench.reporting.page.site import INDEX, check_file, check_folder, write_file, write_folder
from cytobench.reporting.page.tables import family_table, fidelity_tables, leaderboard_table, time_table
from cytobench.reporting.page.verdict import Verdict, verdict, words_of
from cytobench.reporting.page.view import TOPICS, SectionView, View
from cytobench.reporting.tables import Table
from cytobench.reporting.words import legend


@dataclass(frozen=True)
class Options:
    """How a page is made."""

    single_file: bool = False
    """One self-contained file in place of a folder."""
    with_real_images: bool = False
    """Whether images of patients may be shown."""
    store: Path | None = None
    """Where the images of the runs are, if not in ``DIR/store``."""
    say: Callable[[str], None] = field(default=lambda message: None)
    """Told in a sentence what is left out and why."""
    load: Callable[[], Plugins] = load_plugins
    """Loads the plugins, of which those are asked that offer data sets and metrics."""
    metric: Sequence[str] = ()
    """Metrics to show too; the first one ranks and compares."""


def make_report(folders: Sequence[Path], out: Path, options: Options | None = None) -> Path:
    """Make a page of these results folders and write it to ``out``; returns the page's file.

    ``out`` is a folder, or with ``single_file`` an .html file; it must be absent, empty, or a report made before, which
    is replaced whole. Raises UserError for that, and for folders without records.
    """
    options = options or Options()
    (check_file if options.single_file else check_folder)(out)
    media = Media(options.single_file)
    page = render(make_view(folders, media, options))
    if options.single_file:
        write_file(out, page)
        return out
    write_folder(out, {**media.files, INDEX: page})
    return out / INDEX


def make_view(folders: Sequence[Path], media: Media, options: Options) -> View:
    """All that is on the page; its pictures are in ``media``."""
    from cytobench.reporting.page.plots import plots  # imports matplotlib

    groups = read_groups(folders, options.metric, options.load)
    verdicts = [verdict(group) for group in groups]
    figures = plots(groups, words_of(verdicts), media, options.say)
    names = _names(groups)
    real = RealDataSets(options.with_real_images, options.load)
    budget = Budget.of(media.single, sum(bool(sources_of(group, options.store)) for group in groups))
    sections = []
    for number, (group, judged, plotted) in enumerate(zip(groups, verdicts, figures, strict=True), 1):
        tag = f" (section {number})" if len(groups) > 1 else ""
        gallery, why_no_gallery = section_gallery(group, options.store, real, budget, media)
        section = _section(group, judged, [names[folder] for folder in group.folders])
        sections.append(
            replace(
                section,
                number=number,
                tag=tag,
                figures={topic: tuple(plotted.get(topic, ())) for topic in TOPICS},
                gallery=gallery,
                why_no_gallery=why_no_gallery,
            )
        )
    titles = dict.fromkeys(group.section.dataset for group in groups)
    return View(
        title=f"{', '.join(titles)}: do synthetic cells help?",
        sections=tuple(sections),
        apart=why_apart(groups),
        legend=legend(Leaderboard(tuple(group.section for group in groups))),
        filters=_filters(sections),
        verdicts=tuple(sorted(sections, key=lambda section: section.verdict.outcome is Outcome.NOT_KNOWN)),
        no_images=_no_images(sections),
        images_shown=_images_shown(groups, sections),
        made_with=f"cytobench {version('cytobench')}",
        single=media.single,
    )


def _section(group: Group, judged: Verdict, names: Sequence[str]) -> SectionView:
    """A section without its pictures."""
    section = group.section
    return SectionView(
        title=section.title,
        notes=section.notes,
        merged=tuple(merged_notes(group)),
        where={"protocol": section.protocol, "preset": section.preset, "device": section.device or "submitted"},
        verdict=judged,
        leaderboard=leaderboard_table(section),
        family=family_table(group.family) if group.family and group.family.pairs else None,
        why_no_family=group.why_none,
        published=_published(section),
        classes=tuple(class_tables(group, shown_rows(group, judged))),
        fidelity=tuple(fidelity_tables(group)),
        time=time_table(group),
        provenance=provenance(group, names),
    )


def _published(section: Section) -> Table | None:
    """The study's rows beside ours; None where no row of ours stands beside one."""
    compared = [comparison for comparison in section.published if comparison.ours is not None]
    if section.drawn or not compared:
        return None
    table = published_table(compared, section.metrics)
    return replace(table, title=f"The CytoDiff study's figures beside ours: {section.title}")


def _names(groups: Sequence[Group]) -> dict[Path, str]:
    """What each folder is called: its name, with its parent's where two have the same; no path of this machine."""
    folders = list(dict.fromkeys(folder for group in groups for folder in group.folders))
    alike = [folder.name for folder in folders]
    return {
        folder: folder.name if alike.count(folder.name) == 1 else f"{folder.parent.name}/{folder.name}"
        for folder in folders
    }


def _filters(sections: Sequence[SectionView]) -> dict[str, tuple[str, ...]]:
    values_by_name = {
        name: tuple(dict.fromkeys(section.where[name] for section in sections))
        for name in ("protocol", "preset", "device")
    }
    return {name: values for name, values in values_by_name.items() if len(values) > 1}


def _no_images(sections: Sequence[SectionView]) -> tuple[tuple[str, str], ...]:
    numbers_by_reason: dict[str, list[str]] = {}
    for section in sections:
        if section.gallery is None:
            numbers_by_reason.setdefault(section.why_no_gallery, []).append(str(section.number))
    several = len(sections) > 1
    return tuple(
        (f"Section{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}" if several else "", why)
        for why, numbers in numbers_by_reason.items()
    )


def _images_shown(groups: Sequence[Group], sections: Sequence[SectionView]) -> str:
    shown = [(group.section.drawn, section.gallery) for group, section in zip(groups, sections, strict=True)]
    if not any(gallery for _, gallery in shown):
        return "This page shows no cell images."
    with_data = [drawn for drawn, gallery in shown if gallery is not None and not gallery.why_no_real]
    if any(gallery and gallery.elsewhere for _, gallery in shown):
        allowed = option("with_real_images")
        return f"This page shows images that were made outside the run, which may be real ones ({allowed})."
    if not with_data and any(gallery and gallery.unchecked for _, gallery in shown):
        return (
            "This page shows images of generators alone; that none copies an image of a patient was checked against "
            "the shots at most, for the records are of before all real images were compared with."
        )
    if not with_data:
        return "This page shows synthetic images alone, no image of a patient."
    if all(with_data):
        return "This page shows images of a data set that a program drew beside synthetic ones, no image of a patient."
    return "This page shows real images of the data set beside synthetic ones."
