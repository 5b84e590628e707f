"""Digests of decoded pixels, remembered by path, size and time of change, as git's index does for files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cytobench.atomic import write_bytes
from cytobench.decode import BadImage, decode_image, pixel_digest


def pixel_digests(files: Sequence[Path], cache: Path) -> tuple[list[str | None], list[BadImage]]:
    """The digest of every file, None for a bad image, and what is wrong with the bad ones."""
    index = cache / "pixels.json"
    try:
        known: dict[str, str] = json.loads(index.read_text())
    except (OSError, ValueError):
        known = {}
    keys = [_key(file) for file in files]
    todo = [i for i, key in enumerate(keys) if key not in known]
    bad: list[BadImage] = []
    with ThreadPoolExecutor() as pool:
        for i, result in zip(todo, pool.map(_digest, [files[i] for i in todo]), strict=True):
            if isinstance(result, BadImage):
                bad.append(result)
            else:
                known[keys[i]] = result
    if todo:
        write_bytes(index, json.dumps(known).encode())
    return [known.get(key) for key in keys], bad


def _key(file: Path) -> str:
    stat = file.stat()
    return f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"


def _digest(file: Path) -> str | BadImage:
    try:
        return pixel_digest(decode_image(file))
    except BadImage as error:
        return error
