"""A data set that keeps every rule, and beside it one for each rule that breaks it alone."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cytobench.data.dataset import Dataset
from cytobench.data.folder import load_folder


def sound(folder: Path, name: str = "sound", noise: bytes = b"") -> Dataset:
    """Three images of noise of each of two classes, drawn once."""
    root = folder / name
    if not root.exists():
        for label in ("EOS", "LYM"):
            (root / label).mkdir(parents=True)
            for i in range(3):
                rng = np.random.default_rng([i, len(label), *label.encode(), *noise])
                Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(root / label / f"{i}.png")
    dataset = load_folder(root, folder.parent)
    return replace(dataset, name="sound", codes={"EOS": "eosinophil"})


def other_pixels(folder: Path) -> Dataset:
    return sound(folder, "other_pixels", b"other")


def no_dataset(folder: Path) -> Any:
    return [sound(folder, "no_dataset")]


def empty(folder: Path) -> Dataset:
    dataset = sound(folder, "empty")
    return replace(dataset, table=dataset.table.head(0))


def unsorted(folder: Path) -> Dataset:
    dataset = sound(folder, "unsorted")
    return replace(dataset, table=dataset.table[::-1].reset_index(drop=True))


def class_without_image(folder: Path) -> Dataset:
    dataset = sound(folder, "class_without_image")
    return replace(dataset, labels=(*dataset.labels, "BAS"))


def no_quality(folder: Path) -> Dataset:
    dataset = sound(folder, "no_quality")
    return replace(dataset, table=dataset.table.drop(columns="quality"))


def one_code_twice(folder: Path) -> Dataset:
    return replace(sound(folder, "one_code_twice"), codes={"EOS": "cell", "LYM": "cell"})


def prompt_of_nothing(folder: Path) -> Dataset:
    return replace(sound(folder, "prompt_of_nothing"), prompts={"BAS": {"generator": "a basophil"}})


def wrong_digest(folder: Path) -> Dataset:
    dataset = sound(folder, "wrong_digest")
    return replace(dataset, table=dataset.table.assign(digest="0" * 64))


def outside(folder: Path) -> Dataset:
    dataset = sound(folder, "outside")
    return replace(dataset, table=dataset.table.assign(path="../" + dataset.table["path"]), root=dataset.root / "EOS")


def drawn_anew(folder: Path) -> Dataset:
    """The same pixels, written again each time."""
    root = folder / "drawn_anew"
    if root.exists():
        for file in root.glob("*/*.png"):
            file.write_bytes(file.read_bytes() + b"\0")
    return sound(folder, "drawn_anew")


def unseeded(folder: Path) -> Dataset:
    return sound(folder, "unseeded", os.urandom(8))


def seeds_python(folder: Path) -> Dataset:
    random.seed(7)
    return sound(folder, "seeds_python")


def writes_here(folder: Path) -> Dataset:
    Path("notes.txt").write_text("drawn")
    return sound(folder, "writes_here")


def phones(folder: Path) -> Dataset:
    with contextlib.suppress(OSError):
        socket.getaddrinfo("cells.invalid", 443)
    return sound(folder, "phones")


def leaves_thread(folder: Path) -> Dataset:
    threading.Thread(target=threading.Event().wait, daemon=True, name="drawing").start()
    return sound(folder, "leaves_thread")
