"""The lock file comes back as it was written, and whatever else is in it is refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cytobench.errors import UserError
from cytobench.storage.lockfile import Lock, LockedItem, lock_path, read_lock, write_lock

DIGEST = "0123456789abcdef" * 4
FILES = {"files": 2, "size": 10, "counted": {"a": DIGEST}, "extra": {"b": DIGEST}}
DATASET = {"source": "cells", "path": "/cells", "files": 36, "size": 999, "digest": DIGEST}
CLIP = {"source": "lab/clip", "path": "/hub/clip", "digest": DIGEST, **FILES}
LOCK = Lock(items={"clip.weights": LockedItem.model_validate(CLIP), "dataset": LockedItem.model_validate(DATASET)})


def test_a_lock_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_lock(tmp_path / "new" / "x.json", LOCK)
    assert read_lock(tmp_path / "new" / "x.json") == LOCK
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["x.json"]


@pytest.mark.parametrize(
    ("benchmark", "lock"),
    [("demo.toml", "demo.assets.json"), ("a/b.v2.toml", "a/b.v2.assets.json"), ("/x/plain", "/x/plain.assets.json")],
)
def test_a_lock_lies_beside_its_benchmark(benchmark: str, lock: str) -> None:
    assert lock_path(Path(benchmark)) == Path(lock)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 1}, "has version 1; this cytobench reads 2"),
        ({"version": None}, "damaged: version: "),
        ({"items": None}, "damaged: items: "),
        ({"more": 1}, "damaged: more: "),
        ({"items": {"dataset": {"source": "cells"}}}, "damaged: items: dataset: path: "),
        ({"items": {"dataset": {**DATASET, "digest": "x" * 64}}}, "items: dataset: digest: "),
        ({"items": {"dataset": {**DATASET, "size": -1}}}, "items: dataset: size: "),
        ({"items": {"dataset": {**DATASET, "extra": {"b": "no"}}}}, "extra: b: "),
    ],
)
def test_what_is_wrong_is_named_with_the_file_and_the_way_out(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps({**json.loads(LOCK.to_json()), **change}))
    with pytest.raises(UserError) as refused:
        read_lock(file)
    message = str(refused.value)
    assert said in message and str(file) in message and "cytobench assets fetch" in message


@given(cut=st.integers(0, 800), junk=st.binary(max_size=8))
def test_damage_is_refused_in_words_or_changes_nothing_of_the_form(
    tmp_path_factory: pytest.TempPathFactory, cut: int, junk: bytes
) -> None:
    content = LOCK.to_json().encode()
    file = tmp_path_factory.getbasetemp() / "damaged.json"
    file.write_bytes(content[:cut] + junk + content[cut + len(junk) :])
    try:
        found = read_lock(file)
    except UserError as refused:
        assert str(file) in str(refused) and len(str(refused)) < 600
    else:
        assert all(len(item.digest) == 64 and item.files > 0 for item in found.items.values())


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff\xfe", b"", b"null", b'{"version": 1e999}'])
def test_nonsense_is_no_lock(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.json is damaged"):
        read_lock(tmp_path / "x.json")
