"""What a benchmark needs before its first stage, weights and data: fetched and locked, or checked against a lock.

For a machine with internet beside one without: :func:`fetch_assets` on the first, :func:`verify_assets` on the second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from cytobench.assets import AssetReference, take_inventory
from cytobench.config.benchmark import Benchmark, read_benchmark
from cytobench.config.resolve import asset_references, declared_dataset, open_named
from cytobench.config.shipped import find_benchmark
from cytobench.data.dataset import Dataset
from cytobench.errors import CytobenchError, UserError, option
from cytobench.plugins import Plugins, load_plugins
from cytobench.storage.lockfile import Lock, LockedItem, lock_path, read_lock, write_lock

DATASET, EXTERNAL_TEST = "dataset", "external_test"
"""Names of the data sets among the items; those of plugins have a dot (``clip.weights``)."""

LISTED = 100
"""A folder of more files that count has only their joint digest in the lock, so that it stays small."""

Need = Callable[[bool], LockedItem]
"""Looks one thing up and describes what is here; told whether to fetch it. Raises CytobenchError or OSError."""


@dataclass(frozen=True)
class Check:
    """Whether one thing on this machine is the one in the lock.

    ``expected`` and ``found`` are digests, SHA-256 in hex; ``found`` is None where it could not be had. ``reason`` says
    in words what is wrong, and is empty where all is well.
    """

    name: str
    status: Literal["ok", "differs", "missing"]
    expected: str
    found: str | None
    reason: str


def fetch_assets(
    benchmark: Path, lock: Path | None = None, plugins: Plugins | None = None, **values: str | None
) -> Lock:
    """Have everything that a benchmark (a TOML file, or the name of a shipped one) needs here, and write its lock file.

    Hub ids are fetched into the Hugging Face cache; a data set is opened, or drawn. ``lock`` is the file to write, by
    default :func:`~cytobench.storage.lockfile.lock_path`. ``values`` (``dataset``, ``preset``) override the benchmark,
    where they are not None. The lock is written only if all could be had; otherwise UserError (or CytobenchError, if a
    plugin failed) names everything that could not.
    """
    file = _lock_file(benchmark, lock)
    needs = _needs(_declared(benchmark, values), plugins or load_plugins())
    items: dict[str, LockedItem] = {}
    problems: dict[str, CytobenchError] = {}
    for name, need in needs.items():
        try:
            item = _look_up(need, fetch=True)
            items[name] = item if len(item.counted) <= LISTED else item.model_copy(update={"counted": {}})
        except CytobenchError as problem:
            problems[name] = problem
    if problems:
        lines = "\n".join(f"  {name}: {_reason(name, problem)}" for name, problem in problems.items())
        by_plugin = any(not isinstance(problem, UserError) for problem in problems.values())
        kind = CytobenchError if by_plugin else UserError
        raise kind(f"{benchmark}: {len(problems)} of {len(needs)} things cannot be had; no lock is written.\n{lines}")
    written = Lock(items=items)
    write_lock(file, written)
    return written


def verify_assets(
    benchmark: Path, lock: Path | None = None, plugins: Plugins | None = None, **values: str | None
) -> Iterator[Check]:
    """Check that what a benchmark needs is on this machine, and the same as in its lock file. Arguments are those of
    :func:`fetch_assets`.

    Each thing is looked at when its turn comes: weights are hashed and images decoded, whatever a cache remembers of
    them. The network is not touched, unless by a plugin's own data set. Raises UserError at once where there is no lock
    file, or one that is of something else than the benchmark.
    """
    file = _lock_file(benchmark, lock)
    needs = _needs(_declared(benchmark, values), plugins or load_plugins())
    locked = read_lock(file).items
    sides = (f"{benchmark} names", needs.keys() - locked), (f"{file} holds", locked.keys() - needs)
    only = "; ".join(f"only {side} {', '.join(sorted(names))}" for side, names in sides if names)
    if only:
        raise UserError(f"{benchmark} and its lock file name different things: {only}. Run fetch again.")
    return (_check(name, need, locked[name]) for name, need in needs.items())


def _lock_file(benchmark: Path, lock: Path | None) -> Path:
    if lock is None:
        return lock_path(benchmark)
    if lock.suffix.lower() != ".json":
        raise UserError(f"{option('lock', lock)}: a lock file is named .json.")
    return lock


def _declared(benchmark: Path, values: Mapping[str, str | None]) -> Benchmark:
    declared = read_benchmark(find_benchmark(benchmark))
    return declared.model_copy(update={name: value for name, value in values.items() if value is not None})


def _needs(benchmark: Benchmark, plugins: Plugins) -> dict[str, Need]:
    """Everything by name; nothing is looked up yet. Raises UserError for a mistake in the benchmark."""
    needs: dict[str, Need] = {
        name: partial(_asset, name, reference) for name, reference in asset_references(benchmark, plugins).items()
    }
    needs[DATASET] = lambda fetch: _images(benchmark.dataset, declared_dataset(benchmark, plugins, anew=not fetch))
    outside = benchmark.external_test
    if outside is not None:
        needs[EXTERNAL_TEST] = lambda fetch: _images(outside, open_named(outside, plugins, anew=not fetch))
    return needs


def _asset(name: str, reference: AssetReference, fetch: bool) -> LockedItem:
    inventory = take_inventory(reference, name, fetch)
    path = inventory.asset.path
    names = (*inventory.counted, *inventory.configuration, *inventory.extra)
    files = [inventory.folder / name for name in names]
    return LockedItem(
        source=inventory.asset.source,
        path=str(path),
        files=len(files),
        size=sum(file.stat().st_size for file in files),
        digest=inventory.asset.digest,
        # A single file may have another name elsewhere.
        counted={} if path.is_file() else inventory.counted,
        configuration=inventory.configuration,
        extra=inventory.extra,
    )


def _images(source: str, dataset: Dataset) -> LockedItem:
    return LockedItem(
        source=source,
        path=str(dataset.root),
        files=len(dataset),
        size=sum(dataset.path(row).stat().st_size for row in range(len(dataset))),
        digest=dataset.digest,
    )


def _look_up(need: Need, fetch: bool) -> LockedItem:
    try:
        return need(fetch)
    except OSError as error:
        raise UserError(f"cannot be read: {error}") from error


def _reason(name: str, problem: CytobenchError) -> str:
    return str(problem).removeprefix(f"{name}: ")


def _check(name: str, need: Need, locked: LockedItem) -> Check:
    try:
        present = _look_up(need, fetch=False)
    except CytobenchError as problem:
        return Check(name, "missing", locked.digest, None, _reason(name, problem))
    same = present.digest == locked.digest
    # Where the digest is the same, files that count may have other names here.
    expected = {**({} if same else {**locked.counted, **locked.configuration}), **locked.extra}
    files = {**present.counted, **present.configuration, **present.extra}
    lacking = [file for file in expected if file not in files]
    changed = [file for file in expected if file in files and files[file] != expected[file]]
    if lacking:
        return Check(name, "missing", locked.digest, present.digest, f"{present.path} lacks {', '.join(lacking)}")
    if same and not changed:
        return Check(name, "ok", locked.digest, present.digest, "")
    return Check(name, "differs", locked.digest, present.digest, _difference(present, locked, changed))


def _difference(present: LockedItem, locked: LockedItem, changed: list[str]) -> str:
    """Where the thing lies that differs, and what is known of the difference."""
    notes = [present.path]
    if changed:
        notes.append(f"other content: {', '.join(changed)}")
    if present.source != locked.source:
        notes.append(f"source {present.source}, in the lock {locked.source}")
    if present.files != locked.files:
        notes.append(f"{present.files} files, in the lock {locked.files}")
    return "; ".join(notes)
