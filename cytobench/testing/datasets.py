"""The checks of data sets."""

from __future__ import annotations

import re
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from cytobench.config.resolve import PRESETS
from cytobench.contract import DatasetSpec
from cytobench.data.dataset import Dataset
from cytobench.decode import decode_image, pixel_digest
from cytobench.plugins.factory import load
from cytobench.testing.checks import LOADS, Check, require
from cytobench.testing.conduct import conduct, revision
from cytobench.testing.subject import Place, Stage, Subject
from cytobench.testing.target import Target, spec_of
from cytobench.testing.watch import listing

COLUMNS = ("path", "label", "group", "quality", "digest")
READ = 64
"""How many images are decoded and compared with their digests, evenly over the table."""


class DatasetSubject(Subject):
    """A data set with the folder it was opened in."""

    def __init__(self, target: Target, place: Place) -> None:
        self.spec: DatasetSpec = spec_of(target)
        super().__init__(target, place)
        self.cache = place.folder
        """The cache folder it was opened in last."""
        self._opened: Any = None

    def import_code(self) -> None:
        """Import the factory."""
        load(self.spec.factory)

    def opened_in(self, cache: Path) -> Any:
        """Open it as the host does: the factory gets a folder in the cache folder, and may keep digests beside it."""
        return load(self.spec.factory)(cache / "datasets")

    @cached_property
    def dataset(self) -> Dataset:
        """The opened data set."""
        _ = self.seen  # opening is what there is to see, and drawing may take long
        opened = self._opened
        kind = type(opened).__name__
        require(isinstance(opened, Dataset), f"{self.spec.factory} returned a {kind}, which is no Dataset")
        assert isinstance(opened, Dataset)
        return opened

    def use(self, stage: Stage) -> None:
        """Open it in an empty cache folder."""
        with stage("cache") as out:
            self.cache, self._opened = out, self.opened_in(out)


def loads(subject: DatasetSubject) -> None:
    """The factory can be called, and the spec's defaults are such as a run takes."""
    spec = subject.spec
    require(callable(load(spec.factory)), f"{spec.factory} is no function")
    require(spec.preset in PRESETS, f"the spec's preset is {spec.preset!r}; known: {', '.join(PRESETS)}")
    numbers = all(isinstance(n, int) and n >= 0 for n in spec.synthetic) and len(spec.synthetic) > 0
    require(numbers, f"the spec's synthetic is {spec.synthetic}; it must name numbers of images, 0 and more")


def opens(subject: DatasetSubject) -> None:
    """A Dataset with images."""
    require(len(subject.dataset) > 0, "it has no image")


def table(subject: DatasetSubject) -> None:
    """Columns, order, labels and digests of the table."""
    dataset, table = subject.dataset, subject.dataset.table
    require(set(COLUMNS) <= set(table.columns), f"the table has the columns {list(table.columns)}, not {list(COLUMNS)}")
    require(list(table.index) == list(range(len(table))), "the table's index is not 0, 1, 2, ...")
    rows = list(zip(table["label"], table["path"], strict=True))
    require(rows == sorted(rows), "the table is not sorted by label, then path")
    require(len(set(table["path"])) == len(table), "a path stands twice in the table")
    digests = [str(digest) for digest in table["digest"]]
    require(all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests), "a digest is no SHA-256 in hex")
    require(table["quality"].dtype == np.float64, f"the column quality is {table['quality'].dtype}, not float64")
    require(len(set(dataset.labels)) == len(dataset.labels), f"labels stand twice: {dataset.labels}")
    used = set(table["label"])
    require(used == set(dataset.labels), f"labels without an image, or unknown: {sorted(used ^ set(dataset.labels))}")


def names(subject: DatasetSubject) -> None:
    """Codes and prompts belong to labels, and a name means one class."""
    dataset = subject.dataset
    strange = sorted({*dataset.codes, *dataset.prompts} - set(dataset.labels))
    require(not strange, f"codes or prompts of what is no class: {', '.join(strange)}")
    codes = list(dataset.codes.values())
    require(len(set(codes)) == len(codes), f"two classes have one code: {sorted(codes)}")
    for label, code in dataset.codes.items():
        clash = code in dataset.labels and code != label
        require(not clash, f"{code} is the code of {label} and another class's label")
    for label, prompts in dataset.prompts.items():
        known = set(prompts) <= {"generator", "classifier"} and all(isinstance(text, str) for text in prompts.values())
        require(known, f"prompts of {label} are {dict(prompts)}; they are texts for generator and classifier")


def images(subject: DatasetSubject) -> None:
    """Files that lie in the data set's folder, and hold the pixels that digests say."""
    dataset = subject.dataset
    root = dataset.root.resolve()
    for row in np.unique(np.linspace(0, len(dataset) - 1, READ).astype(int)):
        path = dataset.path(int(row))
        relative = str(dataset.table["path"].iloc[row])
        inside = not Path(relative).is_absolute() and path.resolve().is_relative_to(root)
        require(inside, f"{relative} is not inside the root {root}")
        require(path.is_file(), f"{relative} is no file in {root}")
        same = pixel_digest(decode_image(path)) == dataset.table["digest"].iloc[row]
        require(same, f"the digest of {relative} is not that of its pixels")


def again(subject: DatasetSubject) -> None:
    """Opened a second time in the same folder."""
    before, first = subject.dataset, listing(subject.cache)
    again = subject.opened_in(subject.cache)
    require(again.digest == before.digest, "opened a second time, it is another data set")
    drawn = {path: state for path, state in first.items() if path.startswith("datasets/")}
    changed = [path for path, state in listing(subject.cache).items() if drawn.get(path, state) != state]
    require(not changed, f"opened a second time, it writes anew: {', '.join(changed[:3])}")


def other_process(subject: DatasetSubject) -> None:
    """Opened in another process, in an empty folder."""
    digest = subject.elsewhere("digest", {"cache": str(subject.new_folder("elsewhere"))})
    require(digest == subject.dataset.digest, "it is another data set in another process and folder")


def digest_elsewhere(subject: DatasetSubject, cache: str) -> str:
    """The errand behind it: the digest of the data set, opened in a folder."""
    return str(subject.opened_in(Path(cache)).digest)


def digest(subject: DatasetSubject) -> str:
    """Of all its rows."""
    return subject.dataset.digest


_after = partial(Check, needs=("opens", "table"))

CHECKS = (
    Check(LOADS, "the factory can be loaded, and the spec's defaults are such as a run takes", loads),
    Check("opens", "it opens in an empty folder and has images", opens),
    Check(
        "table",
        "the table has its columns, sorted by label and path, and the labels are those with images",
        table,
        ("opens",),
    ),
    _after("names", "codes and prompts are of its classes, and no name stands for two", names),
    _after(
        "images",
        "its files lie in its folder, are readable images, and hold the pixels that the digests say",
        images,
    ),
    _after("again", "opened again in the same folder it is the same, and writes nothing anew", again),
    _after("other-process", "drawn anew in another process and folder it is the same", other_process),
    *conduct("opens", memory=False),
    revision(digest, "other-process"),
)
ERRANDS = {"digest": digest_elsewhere}
