"""What a user should know of a data set before a run: counts, sizes, copies, doubtful images, rare classes, prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cytobench.data.class_names import PROMPT_PARTS
from cytobench.data.dataset import Dataset
from cytobench.data.digests import read_digests
from cytobench.data.duplicates import find_duplicates
from cytobench.data.findings import dataset_findings
from cytobench.data.listing import Listing, other_names
from cytobench.data.prompts import prompts_for
from cytobench.data.quality.doubtful import DEVIATIONS, LEAST_SHARE, LOST, OWN_MEDIAN, SHARP, blurred, clipped
from cytobench.data.quality.optics import Optics
from cytobench.decode import CONVERSIONS, holds_image
from cytobench.protocols import find_protocol
from cytobench.protocols.rarity import Rarity, find_rare

if TYPE_CHECKING:
    import pandas as pd

Prompts = Mapping[str, Mapping[str, str]]
CountTokens = Callable[[Sequence[str]], Sequence[int]]

PROTOCOL, SEED = "strict", 42
"""What a run takes by default; whether a class is rare is told for these."""


@dataclass(frozen=True)
class Examined:
    """A data set whose images have all been decoded.

    ``dataset`` has the images that a run would take; its table has, besides the usual columns, ``width`` and ``height``
    in pixels, ``mode`` (Pillow's name of how the file stores it), and the measures of
    :class:`cytobench.data.quality.optics.Optics`. ``bad`` says of each other image why a run would refuse it.
    """

    dataset: Dataset
    bad: Mapping[str, str]
    ignored: Sequence[str]


def examine(listing: Listing, cache: Path) -> Examined:
    """Decode every image of a listing, or find what is known of it in ``cache``."""
    import pandas as pd

    facts, bad = read_digests(listing.root, list(listing.table["path"]), cache)
    table = listing.table[listing.table["path"].isin(list(facts))].reset_index(drop=True)
    columns = ["digest", "width", "height", "mode", *(field.name for field in fields(Optics))]
    known = [facts[path] for path in table["path"]]
    values = [(fact.digest, fact.width, fact.height, fact.mode, *astuple(fact.optics)) for fact in known]
    examined = table.join(pd.DataFrame(values, columns=columns))
    codes = other_names(listing.labels)
    dataset = Dataset(
        listing.name, listing.root, examined, listing.labels, codes, listing.prompts, findings=listing.findings
    )
    return Examined(dataset, bad, listing.ignored)


def describe(
    examined: Examined,
    declared: Prompts,
    folds: int,
    shots: int,
    count_tokens: CountTokens | None = None,
    cut_off: Callable[[str], str] | None = None,
) -> dict[str, Any]:
    """Describe a data set as values that JSON can hold.

    All figures but ``bad`` are of the images that are not bad. ``rare`` says what ``folds`` and ``shots`` meet under
    ``strict`` with the default seed. ``count_tokens`` and ``cut_off`` (what of a text CLIP's text tower does not see)
    are None where no tokenizer is installed; ``tokens`` and ``cut`` are then null. Raises UserError for prompts of
    unknown labels.
    """
    dataset = examined.dataset
    table = dataset.table
    sizes = Counter(f"{width}x{height}" for width, height in zip(table["width"], table["height"], strict=True))
    modes = Counter(table["mode"]).most_common()
    duplicates = find_duplicates(table)
    rarity = find_rare(dataset, find_protocol(PROTOCOL), folds, shots, SEED)
    return {
        "name": dataset.name,
        "path": str(dataset.root),
        "digest": dataset.digest,
        "images": len(dataset),
        "classes": [_class(dataset, label) for label in dataset.labels],
        "sizes": dict(sizes.most_common()),
        "modes": [{"mode": mode, "images": n, "conversion": CONVERSIONS[mode]} for mode, n in modes],
        "groups": _groups(table),
        "quality": _quality(table),
        "duplicates": {
            "within_classes": [list(same.paths) for same in duplicates if not same.contradict],
            "across_classes": [
                {"paths": list(same.paths), "labels": list(same.labels)} for same in duplicates if same.contradict
            ],
        },
        "optics": _optics(table),
        "rare": _rare(rarity, folds, shots),
        "findings": [asdict(finding) for finding in (*dataset_findings(dataset), *rarity.uneven)],
        "bad": [{"path": path, "reason": reason} for path, reason in sorted(examined.bad.items())],
        "ignored": list(examined.ignored),
        "ignored_images": [name for name in examined.ignored if holds_image(dataset.root / name)],
        "prompts": _prompts(dataset, declared, count_tokens, cut_off),
    }


def _class(dataset: Dataset, label: str) -> dict[str, Any]:
    rows = dataset.table.iloc[dataset.rows_by_label.get(label, [])]
    return {
        "label": label,
        "other_name": dataset.codes.get(label),
        "images": len(rows),
        "different_images": int(rows["digest"].nunique()),
        "groups": int(rows["group"].nunique()),
        "sharpness": float(rows["sharpness"].median()) if len(rows) else None,
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


def _optics(table: pd.DataFrame) -> dict[str, Any]:
    doubtful = {
        "blurred": blurred(table),
        "over_exposed": clipped(table, "white"),
        "under_exposed": clipped(table, "black"),
    }
    keys = ["path", "label", *(field.name for field in fields(Optics)), "median"]
    return {
        "rule": {
            "sharpness_under": SHARP,
            "sharpness_under_share_of_median": LEAST_SHARE,
            "share_over": LOST,
            "robust_deviations_over_median": DEVIATIONS,
            "images_for_own_median": OWN_MEDIAN,
        },
        **{name: rows[keys].to_dict("records") for name, rows in doubtful.items()},
    }


def _rare(rarity: Rarity, folds: int, shots: int) -> dict[str, Any]:
    return {
        "protocol": PROTOCOL,
        "seed": SEED,
        "folds": folds,
        "shots": shots,
        "too_rare": [asdict(rare) for rare in rarity.too_rare],
        "ways_out": list(rarity.ways_out),
        "problem": rarity.problem,
        "fewer_shots": [{"label": label, "by_fold": list(each)} for label, each in rarity.fewer_shots.items()],
    }


def _prompts(
    dataset: Dataset,
    declared: Prompts,
    count_tokens: CountTokens | None,
    cut_off: Callable[[str], str] | None,
) -> dict[str, dict[str, Any]]:
    prompts, origins = prompts_for(dataset, declared)
    described: dict[str, dict[str, Any]] = {}
    for label, pair in prompts.items():
        texts: Mapping[str, str] = {part: getattr(pair, part) for part in PROMPT_PARTS}
        described[label] = {"origin": origins[label]}
        for part, text in texts.items():
            described[label][part] = {
                "text": text,
                "tokens": count_tokens([text])[0] if count_tokens else None,
                "cut": (cut_off(text) or None) if cut_off else None,
            }
    return described
