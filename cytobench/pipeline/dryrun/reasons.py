"""Why a stage is not reused: what differs from the nearest one that the store holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from cytobench.storage.image_sets import ImageSet
from cytobench.storage.store import Store

NEVER = "not made yet"
_SHOWN = 24
"""Values longer than this many characters are not shown: digests, derived seeds, prompts."""

Inputs = Mapping[str, Any]


class Reasons:
    """Explains what is missing from a store. Manifests are read once a kind, when the first one is asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._earlier = cache(lambda kind: list(store.reports(kind)))

    def of_stage(self, kind: str, key: str, plugin: str, label: str | None, inputs: Inputs) -> str:
        """Why no fit, training or fidelity of this key is there."""
        damaged = self._store.damage(kind, key)
        if damaged:
            return f"damaged: {', '.join(damaged)}"
        return self._nearest(kind, plugin, label, inputs)

    def of_block(self, images: ImageSet, number: int, plugin: str, label: str, inputs: Inputs) -> str:
        """Why a block of an image set is not there."""
        if images.shard(number).exists():
            return "damaged, or cut off while it was written"
        if images.folder.is_dir():
            return "more images than before"
        return self._nearest("images", plugin, label, inputs)

    def _nearest(self, kind: str, plugin: str, label: str | None, inputs: Inputs) -> str:
        """What differs from the stage of the same plugin and class that differs least, the newest of several."""
        owner = {"train": "classifier", "fidelity": "extractor"}.get(kind, "generator")
        differing = [
            (found, report["when"])
            for earlier, report in self._earlier(kind)
            if earlier.get(owner) == plugin and report.get("label") == label
            for found in [list(_differences(earlier, inputs))]
        ]
        if not differing:
            return NEVER
        fewest = min(len(found) for found, _ in differing)
        found, _ = max((one for one in differing if len(one[0]) == fewest), key=lambda one: one[1])
        return f"differs from the nearest there is: {', '.join(found)}"


def _differences(old: Inputs, new: Inputs, prefix: str = "") -> Iterator[str]:
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differences(before, after, f"{prefix}{name}.")
        elif isinstance(before, list) and isinstance(after, list):
            yield f"{prefix}{name} ({_unequal(before, after)} of {len(after)} new)"
        elif max(len(str(before)), len(str(after))) > _SHOWN:
            yield f"{prefix}{name}"
        else:
            yield f"{prefix}{name} {before} -> {after}"


def _unequal(old: list[Any], new: list[Any]) -> int:
    """How many entries of the new list are not in the old one."""
    known = {str(entry) for entry in old}
    return sum(str(entry) not in known for entry in new)
