"""Galleries as the templates are given them, and the packs that results folders keep of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cytobench.reporting.page.galleries import Gallery, Images, Tile, gallery, makers, sources_of
from cytobench.reporting.page.gather import Group, read_groups
from cytobench.reporting.page.pack import ACROSS, Sheet, square, write_pack
from cytobench.reporting.page.realdata import Real, RealData
from cytobench.reporting.page.sources import Made, StoreSource
from cytobench.reporting.page.view import ClassView, GalleryView, Media, Picture, StripView

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


def picture_views(
    group: Group, store: Path | None, real: RealData, budget: Budget, media: Media
) -> tuple[GalleryView | None, str]:
    """The gallery of a section, or why there is none."""
    known = makers(group)
    keys = tuple(sorted(one.key for maker in known for one in maker.sets.values()))
    if keys and keys in budget.seen:
        return None, "the images are those of a section above"
    sources = sources_of(group, store)
    opened = real.of(group.records[0]) if group.candidates else Real(None, "no trial is finished")
    found = gallery(group, sources, opened, budget.each, large=not media.single)
    if found is not None:
        budget.seen.add(keys)
        return _view(found, media), ""
    if not known:
        return None, "no finished row has synthetic images, and real ones " + (
            "are not at hand" if not opened.why_none else f"are not shown: {opened.why_none}"
        )
    if not sources:
        return None, (
            "the images are not here: the run's store was not kept beside the records, and there is no pack of "
            "thumbnails (cytobench report --store DIR names a store)"
        )
    return None, "the store and the pack of thumbnails hold no image of these rows that may be shown"


def _view(found: Gallery, media: Media) -> GalleryView:
    classes = tuple(
        ClassView(
            one.label,
            one.n_real,
            tuple(
                StripView(
                    strip.title,
                    strip.kind,
                    "" if strip.shots is None else str(strip.shots),
                    tuple(_picture(tile, media) for tile in strip.tiles),
                    strip.why_none,
                )
                for strip in one.strips
            ),
            one.copying,
            tuple((_picture(made, media), _picture(shot, media), near) for made, shot, near in one.pairs),
        )
        for one in found.classes
    )
    shots = sorted({strip.shots for one in classes for strip in one.strips if strip.shots not in ("", "0")}, key=int)
    return GalleryView(classes, found.source, found.why_no_real, found.absent, tuple(shots), found.elsewhere)


def _picture(tile: Tile, media: Media) -> Picture:
    small = media.add(tile.small, "webp")
    return Picture(small, small if tile.large is None else media.add(tile.large, "webp"), tile.alt, tile.caption)


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
    own = [StoreSource(store or folder / "store")]
    images = Images(own, Real(None, "a pack holds none"))
    sheets = []
    for maker in makers(group):
        sets = {}
        for label, one in maker.sets.items():
            made, _ = images.of(maker, label, ACROSS)
            if made:
                sets[one.key] = (label, [Made(each.index, each.digest, square(each.pixels)) for each in made])
        if sets:
            sheets.append(Sheet(maker.title, sets))
    return sheets
