"""The store: what stages leave, by content address. What is found is checked by its digests, never trusted."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cytobench.assets import file_digest
from cytobench.atomic import making_folder, write_bytes
from cytobench.storage.image_sets import IMAGES

logger = logging.getLogger("cytobench")

MANIFEST = "stage.json"
_MAKING = ".making-"


@dataclass(frozen=True)
class Entry:
    """A finished stage: its folder and what its manifest says about it (``report``, ``inputs``)."""

    folder: Path
    report: dict[str, Any]


class Store:
    """Folders ``ROOT/KIND/ab/abcdef...``, each written whole or not at all."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._checked: dict[str, Entry] = {}

    def folder(self, kind: str, key: str) -> Path:
        """Where the stage of this key lies, or would lie."""
        return self.root / kind / key[:2] / key

    def find(self, kind: str, key: str) -> Entry | None:
        """The finished stage of this key, its files checked by digest once a process; None if absent or damaged."""
        if key in self._checked:
            return self._checked[key]
        folder = self.folder(kind, key)
        if not folder.is_dir():
            return None
        report, damaged = _examine(folder)
        if damaged:
            logger.warning("%s %s: %s is damaged; it is made again", kind, key[:12], ", ".join(damaged))
            return None
        entry = self._checked[key] = Entry(folder, report)
        return entry

    def damage(self, kind: str, key: str) -> list[str]:
        """The files of a stage that are missing or not as they were written; none if the stage is absent or whole."""
        folder = self.folder(kind, key)
        return _examine(folder)[1] if folder.is_dir() else []

    def reports(self, kind: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """Inputs and report of every stage of a kind (for ``images``: of every set), as far as they can be read."""
        # A set's inputs stand in the report of each of its blocks; the first one tells.
        name = "000000.json" if kind == IMAGES else MANIFEST
        for file in sorted((self.root / kind).glob(f"??/*/{name}")):
            try:
                manifest = json.loads(file.read_text())
                report = manifest["report"]
                inputs = report["inputs"] if kind == IMAGES else manifest["inputs"]
            except (OSError, ValueError, KeyError, TypeError):
                continue
            yield inputs, report

    @contextmanager
    def making(self, kind: str, key: str) -> Iterator[Path]:
        """A temporary folder to fill; it disappears unless :meth:`keep` was called on it."""
        with making_folder(self.folder(kind, key).parent, f"{_MAKING}{os.getpid()}-") as folder:
            yield folder

    def sweep(self, process: int) -> None:
        """Remove what a process of this machine, which is no more, was making."""
        for folder in self.root.glob(f"*/??/{_MAKING}{process}-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, kind: str, key: str, folder: Path, inputs: dict[str, Any], report: dict[str, Any]) -> Entry:
        """Put a filled folder in place under its key, with the digests of its files."""
        files = {
            path.relative_to(folder).as_posix(): file_digest(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        manifest = {"kind": kind, "key": key, "files": files, "inputs": inputs, "report": report}
        write_bytes(folder / MANIFEST, json.dumps(manifest, indent=1).encode())
        folder.chmod(0o755)
        target = self.folder(kind, key)
        if target.exists():
            # Only a damaged stage is made again; move it away first, for a folder cannot replace a full one.
            shutil.rmtree(target)
        os.replace(folder, target)
        self._checked.pop(key, None)
        return Entry(target, report)


def _examine(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """The report of a stage, and its files that are missing or not as they were written."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        damaged = [name for name, digest in manifest["files"].items() if _digest(folder / name) != digest]
        return manifest["report"], damaged
    except (OSError, ValueError, KeyError, TypeError):
        return {}, [MANIFEST]


def _digest(path: Path) -> str | None:
    return file_digest(path) if path.is_file() else None
