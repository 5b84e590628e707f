"""Writing files and folders whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, mkdtemp


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, flush it to disk, then put it in place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            temporary.chmod(0o644)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)  # in place it has another name


@contextmanager
def making_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder in ``parent`` to fill and then rename into place; where it was not, it is gone at the end."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix=prefix, dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
