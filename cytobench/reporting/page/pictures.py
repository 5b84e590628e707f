"""The galleries of a page, and the packs that results folders keep of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cytobench.errors import option
from cytobench.reporting.page.galleries import Gallery, gallery, sources_of
from cytobench.reporting.page.gather import Group, read_groups
from cytobench.reporting.page.media import Media
from cytobench.reporting.page.pack import ACROSS, Sheet, square, write_pack
from cytobench.reporting.page.realdata import RealData, RealDataSets
from cytobench.reporting.page.sources import StoreSource, SyntheticImage
from cytobench.reporting.page.synthetic import SyntheticImages, shown_generators

IN_A_FOLDER, IN_A_FILE = 1600, 300
"""Pictures of a page that is a folder, and of one that is a file: about 3 KB each."""


@dataclass
class Budget:
    """How many pictures a section may have, and which galleries the page has already."""

    each: int
    seen: set[tuple[str, ...]] = field(default_factory=set)

    @classmethod
    def of(cls, single: bool, sections: int) -> Budget:
        """Shared by all sections alike."""
        return cls((IN_A_FILE if single else IN_A_FOLDER) // max(1, sections))


def section_gallery(
    group: Group, store: Path | None, real: RealDataSets, budget: Budget, media: Media
) -> tuple[Gallery | None, str]:
    """The gallery of a section, or why there is none."""
    generators = shown_generators(group)
    keys = tuple(sorted(of_class.key for generator in generators for of_class in generator.sets.values()))
    if keys and keys in budget.seen:
        return None, "the images are those of a section above"
    sources = sources_of(group, store)
    opened = real.of(group.records[0]) if group.candidates else RealData(None, "no trial is finished")
    shown = gallery(group, sources, opened, budget.each, media)
    if shown is not None:
        budget.seen.add(keys)
        return shown, ""
    if not generators:
        return None, "no finished row has synthetic images, and real ones " + (
            "are not at hand" if not opened.why_none else f"are not shown: {opened.why_none}"
        )
    if not sources:
        return None, (
            "the images are not here: the run's store was not kept beside the records, and there is no pack of "
            f"thumbnails (cytobench report {option('store', 'DIR')} names a store)"
        )
    return None, "the store and the pack of thumbnails hold no image of these rows that may be shown"


def make_packs(folders: Sequence[Path], store: Path | None) -> dict[Path, int]:
    """Write ``thumbnails/`` into each results folder whose synthetic images are in a store; returns its bytes.

    No real image goes in: nothing of a generator that copies, nothing made outside the run, no near-copy of a shot.
    """
    written = {}
    for group in read_groups(folders):
        for folder in group.folders:
            sheets = _sheets(group, folder, store)
            if sheets and folder not in written:
                written[folder] = write_pack(folder, sheets)
    return written


def _sheets(group: Group, folder: Path, store: Path | None) -> list[Sheet]:
    images = SyntheticImages([StoreSource(store or folder / "store")], RealData(None, "a pack holds none"))
    sheets = []
    for generator in shown_generators(group):
        sets = {}
        for label, of_class in generator.sets.items():
            shown, _ = images.of_class(generator, label, ACROSS)
            if shown:
                squares = [SyntheticImage(image.index, image.digest, square(image.pixels)) for image in shown]
                sets[of_class.key] = (label, squares)
        if sets:
            sheets.append(Sheet(generator.title, sets))
    return sheets
