"""Why a stage is not reused: what differs from the nearest one that the store holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from cytobench.storage.image_sets import IMAGES, ImageSet
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

    def of_stage(self, kind: str, key: str, owner: str, label: str | None, inputs: Callable[[], Inputs]) -> str:
        """Why no stage of this kind and key is there; ``owner`` is the input that names its plugin."""
        damaged = self._store.damage(kind, key)
        if damaged:
            return f"damaged: {', '.join(damaged)}"
        return self._nearest(kind, owner, label, inputs)

    def of_block(self, images: ImageSet, number: int, owner: str, label: str, inputs: Inputs) -> str:
        """Why a block of an image set is not there."""
        if images.shard(number).exists():
            return "damaged, or cut off while it was written"
        if images.folder.is_dir():
            return "more images than before"
        return self._nearest(IMAGES, owner, label, lambda: inputs)

    def _nearest(self, kind: str, owner: str, label: str | None, inputs: Callable[[], Inputs]) -> str:
        """What differs from the stage of the same plugin and class that differs least, the newest of several."""
        earlier = self._earlier(kind)
        if not earlier:
            return NEVER
        wanted = inputs()
        nearest = [
            (list(_differences(before, wanted)), report["when"])
            for before, report in earlier
            if before.get(owner) == wanted[owner] and report.get("label") == label
        ]
        if not nearest:
            return NEVER
        fewest = min(len(differences) for differences, _ in nearest)
        differences, _ = max((near for near in nearest if len(near[0]) == fewest), key=lambda near: near[1])
        return f"differs from the nearest there is: {', '.join(differences)}"


def _differences(old: Inputs, new: Inputs, prefix: str = "") -> Iterator[str]:
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differences(before, after, f"{prefix}{name}.")
        elif isinstance(before, str) and isinstance(after, Mapping) and prefix == "assets.":
            yield f"{prefix}{name}, which now counts the configuration files beside the weights"
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
