"""The cache of pixel digests: used where it may be, never trusted where it must not be."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from cytobench.data import digests
from cytobench.data.digests import read_digests
from cytobench.data.quality.optics import REVISION, measure
from cytobench.decode import decode_image

PATHS = ["BAS/x.png", "BAS/y.png"]


def age(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the files had been written long before they are read."""
    later = time.time_ns() + 10**10
    monkeypatch.setattr(digests.time, "time_ns", lambda: later)


def count_decodes(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    seen: list[Path] = []
    decode = digests.decode
    monkeypatch.setattr(digests, "decode", lambda file: seen.append(file) or decode(file))
    return seen


def test_settled_files_are_decoded_once(cells: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    age(cells, monkeypatch)
    first = read_digests(cells, PATHS, cache)
    seen = count_decodes(monkeypatch)
    assert read_digests(cells, PATHS, cache) == first
    assert seen == []
    assert set(first[0]) == set(PATHS) and first[1] == {}
    assert (first[0]["BAS/x.png"].width, first[0]["BAS/x.png"].height) == (8, 9)


def test_files_written_a_moment_ago_are_decoded_again(cells: Path, cache: Path) -> None:
    before, _ = read_digests(cells, PATHS, cache)
    file = cells / "BAS" / "x.png"
    stat = file.stat()
    other = (cells / "BAS" / "y.png").read_bytes()
    file.write_bytes(other)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    after, _ = read_digests(cells, PATHS, cache)
    assert after["BAS/x.png"] == before["BAS/y.png"]


def test_a_changed_file_is_decoded_again_even_with_its_old_date(
    cells: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(cells, monkeypatch)
    before, _ = read_digests(cells, PATHS, cache)
    file = cells / "BAS" / "x.png"
    stat = file.stat()
    file.write_bytes((cells / "BAS" / "y.png").read_bytes())
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    after, _ = read_digests(cells, PATHS, cache)
    assert after["BAS/x.png"] == before["BAS/y.png"]


def test_bad_images_are_returned_each_time(cells: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    age(cells, monkeypatch)
    (cells / "BAS" / "x.png").write_bytes(b"")
    for _ in range(2):
        good, bad = read_digests(cells, [*PATHS, "BAS/gone.png"], cache)
        assert set(good) == {"BAS/y.png"}
        assert set(bad) == {"BAS/x.png", "BAS/gone.png"}


def test_a_damaged_cache_is_made_anew(cells: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    age(cells, monkeypatch)
    first = read_digests(cells, PATHS, cache)
    (index,) = (cache / "pixels").iterdir()
    index.write_bytes(b"no parquet")
    assert read_digests(cells, PATHS, cache) == first
    seen = count_decodes(monkeypatch)
    read_digests(cells, PATHS, cache)
    assert seen == []


@pytest.mark.parametrize("version", ["without measures", "with other measures", "decoding otherwise"])
def test_a_cache_of_another_version_is_made_anew(
    cells: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    age(cells, monkeypatch)
    first = read_digests(cells, PATHS, cache)
    (index,) = (cache / "pixels").iterdir()
    table = pd.read_parquet(index)
    if version == "without measures":
        table = table[["path", "size", "mtime_ns", "ctime_ns", "digest", "width", "height"]]
    elif version == "decoding otherwise":
        table = table.assign(decode_revision=1, digest="0" * 64)
    else:
        table = table.assign(optics_revision=REVISION + 1, sharpness=7.0)
    table.to_parquet(index)
    seen = count_decodes(monkeypatch)
    assert read_digests(cells, PATHS, cache) == first
    assert len(seen) == len(PATHS)
    read_digests(cells, PATHS, cache)
    assert len(seen) == len(PATHS)


def test_mode_and_measures_are_remembered(cells: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Image.open(cells / "BAS" / "x.png") as image:
        image.convert("P").save(cells / "BAS" / "x.png")
    age(cells, monkeypatch)
    for _ in range(2):
        found, _ = read_digests(cells, PATHS, cache)
        assert [found[path].mode for path in PATHS] == ["P", "RGB"]
        assert [found[path].optics for path in PATHS] == [measure(decode_image(cells / path)) for path in PATHS]


def test_a_cache_that_cannot_be_written_is_done_without(cells: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    good, bad = read_digests(cells, PATHS, blocked)
    assert set(good) == set(PATHS) and not bad


def test_anew_nothing_is_trusted_and_what_is_found_is_remembered(
    cells: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(cells, monkeypatch)
    true = read_digests(cells, PATHS, cache)
    (index,) = (cache / "pixels").iterdir()
    table = pd.read_parquet(index)
    table.assign(digest="0" * 64).to_parquet(index, index=False)
    assert {one.digest for one in read_digests(cells, PATHS, cache)[0].values()} == {"0" * 64}
    assert read_digests(cells, PATHS, cache, anew=True) == true
    assert read_digests(cells, PATHS, cache) == true


def test_a_file_exchanged_while_it_is_decoded_is_not_remembered(
    cells: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(cells, monkeypatch)
    decode = digests.decode
    file = cells / "BAS" / "x.png"
    other = (cells / "BAS" / "y.png").read_bytes()

    def exchanged(path: Path) -> object:
        if path == file:
            file.write_bytes(other)
        return decode(path)

    monkeypatch.setattr(digests, "decode", exchanged)
    read_digests(cells, PATHS, cache)
    (index,) = (cache / "pixels").iterdir()
    assert list(pd.read_parquet(index)["path"]) == ["BAS/y.png"]
