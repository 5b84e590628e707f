"""Writing whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from cytobench.atomic import write_bytes


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):
        write_bytes(tmp_path / "taken", b"x")  # a folder cannot be replaced by a file
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    write_bytes(tmp_path / "new" / "a", b"one")
    write_bytes(tmp_path / "new" / "a", b"two")
    assert [file.read_bytes() for file in (tmp_path / "new").iterdir()] == [b"two"]
