"""Open a data set by the name of an installed one or by the path of a folder or manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cytobench._home import expanded
from cytobench._text import nearest
from cytobench.data.dataset import Dataset, decoded_anew, from_listing
from cytobench.data.folder import list_folder
from cytobench.data.listing import Listing
from cytobench.data.manifest import list_manifest
from cytobench.data.tables import SUFFIXES
from cytobench.data.tcia import find_tcia, list_tcia
from cytobench.data.unused import unused_tables
from cytobench.errors import CytobenchError, UserError
from cytobench.plugins.diverted import prints_to_stderr
from cytobench.plugins.factory import load

if TYPE_CHECKING:
    from cytobench.contract import DatasetSpec
    from cytobench.plugins import Offer


def open_dataset(
    name_or_path: str, offers: Mapping[str, Offer[DatasetSpec]], cache: Path, anew: bool = False
) -> Dataset:
    """The installed data set of this name, else the folder or manifest at this path.

    Digests and drawn images are kept in ``cache``; with ``anew`` every image is decoded, whatever the cache remembers
    of it. Raises UserError for an unknown name or path and for bad data, CytobenchError where an installed data set's
    plugin fails. Each distribution has a folder of its own to draw in: strangers may choose the same file names.
    """
    offer = offers.get(name_or_path)
    if offer is None:
        return from_listing(list_path(name_or_path, offers), cache, anew)
    spec, called = offer.spec, f"data set {offer.spec.name} ({offer.distribution})"
    folder = cache / "datasets" if offer.built_in else cache / "datasets" / offer.origin
    try:
        factory = load(spec.factory)
        with prints_to_stderr():
            dataset = factory(folder)
    except (CytobenchError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a stranger's factory may raise anything, or call sys.exit
        message = f"{called}: {spec.factory} raised {type(error).__name__}: {error}"
        raise CytobenchError(message) from error
    if not isinstance(dataset, Dataset):
        kind = type(dataset).__name__
        raise CytobenchError(f"{called}: {spec.factory} returned {kind}, which is no Dataset.")
    dataset = replace(
        dataset,
        name=spec.name,
        public=spec.public,
        drawn=spec.drawn,
        distribution=offer.origin,
        version=offer.version,
    )
    return decoded_anew(dataset, cache) if anew else dataset


def list_path(path: str, installed: Iterable[str], present_only: bool = True) -> Listing:
    """The images of the folder or manifest at this path, not decoded. Raises UserError, naming the ``installed`` ones.

    Of data in TCIA's layout, images that are listed and not there are left out, unless ``present_only`` is false.
    """
    place = expanded(path)
    tcia = find_tcia(place) if place.is_dir() else None
    if tcia is not None:
        return list_tcia(*tcia, present_only)
    if place.is_dir():
        return replace(list_folder(place), findings=tuple(unused_tables(place)))
    if place.is_file() and place.suffix.lower() in SUFFIXES:
        return list_manifest(place)
    if place.exists():
        kinds = " or ".join(SUFFIXES)
        raise UserError(f"{path} is no data set: give a folder of classes, or a manifest ({kinds}).")
    raise UserError(
        f"{path}: no installed data set has this name and nothing is at this path."
        f"{_near(path, place, installed)} Installed: {', '.join(sorted(installed)) or 'none'}."
    )


def _near(path: str, place: Path, installed: Iterable[str]) -> str:
    near = nearest(path, installed)
    if near is None and place.parent.is_dir():
        beside = nearest(place.name, (entry.name for entry in place.parent.iterdir() if entry.name[0] != "."))
        near = beside and str(place.parent / beside)
    return f" Did you mean {near}?" if near else ""
