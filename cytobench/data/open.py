"""Open a data set by the name of an installed one or by the path of a folder or manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from cytobench.contract import DatasetSpec
from cytobench.data.dataset import Dataset, decoded_anew, from_listing
from cytobench.data.folder import list_folder
from cytobench.data.listing import Listing
from cytobench.data.manifest import SUFFIXES, list_manifest
from cytobench.data.tcia import find_tcia, list_tcia
from cytobench.errors import CytobenchError, UserError
from cytobench.lazy import load


def open_dataset(name_or_path: str, specs: Mapping[str, DatasetSpec], cache: Path, anew: bool = False) -> Dataset:
    """The installed data set of this name, else the folder or manifest at this path.

    Digests and drawn images are kept in ``cache``; with ``anew`` every image is decoded, whatever the cache remembers
    of it. Raises UserError for an unknown name or path and for bad data, CytobenchError where an installed data set's
    plugin fails.
    """
    spec = specs.get(name_or_path)
    if spec is None:
        return from_listing(list_path(name_or_path, specs), cache, anew)
    try:
        dataset = load(spec.factory)(cache / "datasets")
    except CytobenchError:
        raise
    except Exception as error:
        message = f"data set {spec.name} ({spec.factory}) raised {type(error).__name__}: {error}"
        raise CytobenchError(message) from error
    if not isinstance(dataset, Dataset):
        found = type(dataset).__name__
        raise CytobenchError(f"data set {spec.name}: {spec.factory} returned {found}, which is no Dataset.")
    dataset = replace(dataset, name=spec.name, public=spec.public, drawn=spec.drawn)
    return decoded_anew(dataset, cache) if anew else dataset


def list_path(path: str, specs: Mapping[str, DatasetSpec], present_only: bool = True) -> Listing:
    """The images of the folder or manifest at this path, not decoded. Raises UserError.

    Of data in TCIA's layout, images that are listed and not there are left out, unless ``present_only`` is false.
    """
    place = Path(path).expanduser()
    tcia = find_tcia(place) if place.is_dir() else None
    if tcia is not None:
        return list_tcia(*tcia, present_only)
    if place.is_dir():
        return list_folder(place)
    if place.is_file() and place.suffix.lower() in SUFFIXES:
        return list_manifest(place)
    if place.exists():
        kinds = " or ".join(SUFFIXES)
        raise UserError(f"{path} is no data set: give a folder of classes, or a manifest ({kinds}).")
    raise UserError(
        f"{path}: no installed data set has this name and nothing is at this path."
        f"{_near(path, place, specs)} Installed: {', '.join(sorted(specs)) or 'none'}."
    )


def _near(path: str, place: Path, specs: Mapping[str, DatasetSpec]) -> str:
    near = get_close_matches(path, specs, n=1)
    if not near and place.parent.is_dir():
        beside = [entry.name for entry in place.parent.iterdir() if not entry.name.startswith(".")]
        near = [str(place.parent / name) for name in get_close_matches(place.name, beside, n=1)]
    return f" Did you mean {near[0]}?" if near else ""
