"""What a user should know of a data set before a run: counts, sizes, copies, bad images, prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cytobench.data.dataset import Dataset
from cytobench.data.digests import read_digests
from cytobench.data.duplicates import find_copies
from cytobench.data.listing import PARTS, Listing, other_names
from cytobench.prompts import prompts_for

if TYPE_CHECKING:
    import pandas as pd

Prompts = Mapping[str, Mapping[str, str]]
CountTokens = Callable[[Sequence[str]], Sequence[int]]


def describe(
    listing: Listing,
    cache: Path,
    declared: Prompts,
    count_tokens: CountTokens | None = None,
    cut_off: Callable[[str], str] | None = None,
) -> dict[str, Any]:
    """Decode every image and describe the data set as values that JSON can hold.

    ``bad`` lists the images that a run would refuse; all other figures are of the rest. ``count_tokens`` and
    ``cut_off`` (what of a text CLIP's text tower does not see) are None where no tokenizer is installed;
    ``tokens`` and ``cut`` are then null. Raises UserError for prompts of unknown labels.
    """
    pixels, bad = read_digests(listing.root, list(listing.table["path"]), cache)
    table = listing.table[listing.table["path"].isin(list(pixels))].reset_index(drop=True)
    table = table.assign(digest=[pixels[path].digest for path in table["path"]])
    codes = other_names(listing.labels)
    dataset = Dataset(listing.name, listing.root, table, listing.labels, codes, listing.prompts)
    sizes = Counter(f"{it.width}x{it.height}" for it in pixels.values())
    copies = find_copies(table)
    return {
        "name": dataset.name,
        "path": str(dataset.root),
        "digest": dataset.digest,
        "images": len(dataset),
        "classes": [_class(dataset, label) for label in dataset.labels],
        "sizes": dict(sizes.most_common()),
        "groups": _groups(table),
        "quality": _quality(table),
        "duplicates": {
            "within_classes": [list(one.paths) for one in copies if not one.contradict],
            "across_classes": [
                {"paths": list(one.paths), "labels": list(one.labels)} for one in copies if one.contradict
            ],
        },
        "bad": [{"path": path, "reason": reason} for path, reason in sorted(bad.items())],
        "ignored": list(listing.ignored),
        "prompts": _prompts(dataset, declared, count_tokens, cut_off),
    }


def _class(dataset: Dataset, label: str) -> dict[str, Any]:
    rows = dataset.table[dataset.table["label"] == label]
    return {
        "label": label,
        "other_name": dataset.codes.get(label),
        "images": len(rows),
        "different_images": int(rows["digest"].nunique()),
        "groups": int(rows["group"].nunique()),
    }


def _groups(table: pd.DataFrame) -> dict[str, int] | None:
    if not table["group"].notna().any():
        return None
    return {"number": int(table["group"].nunique()), "images_without": int(table["group"].isna().sum())}


def _quality(table: pd.DataFrame) -> dict[str, float] | None:
    known = table["quality"].dropna()
    if known.empty:
        return None
    low, median, high = (float(known.quantile(share)) for share in (0, 0.5, 1))
    return {"min": low, "median": median, "max": high, "images_without": len(table) - len(known)}


def _prompts(
    dataset: Dataset,
    declared: Prompts,
    count_tokens: CountTokens | None,
    cut_off: Callable[[str], str] | None,
) -> dict[str, dict[str, Any]]:
    prompts, origins = prompts_for(dataset, declared)
    described: dict[str, dict[str, Any]] = {}
    for label, pair in prompts.items():
        texts: Mapping[str, str] = {part: getattr(pair, part) for part in PARTS}
        described[label] = {"origin": origins[label]}
        for part, text in texts.items():
            described[label][part] = {
                "text": text,
                "tokens": count_tokens([text])[0] if count_tokens else None,
                "cut": (cut_off(text) or None) if cut_off else None,
            }
    return described
