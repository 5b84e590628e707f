"""Where a page may be written, and that it is written whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cytobench.cli import main
from cytobench.errors import UserError
from cytobench.reporting.page.site import MARK, check_file, check_folder, write_file, write_folder

PAGE = f"<!doctype html><head>{MARK}".encode()


def test_a_report_is_replaced_whole(tmp_path: Path) -> None:
    out = tmp_path / "site"
    write_folder(out, {"index.html": PAGE, "images/old.webp": b"1"})
    write_folder(out, {"index.html": PAGE + b"new", "images/new.webp": b"2"})
    assert sorted(path.name for path in out.rglob("*.*")) == ["index.html", "new.webp", "report.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    write_folder(tmp_path / "site", {"index.html": PAGE})
    assert (tmp_path / "site/index.html").read_bytes() == PAGE


def test_nothing_else_is_ever_replaced(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "index.html").write_text("my own page")
    with pytest.raises(UserError, match="no report of cytobench"):
        write_folder(mine, {"index.html": PAGE})
    assert (mine / "index.html").read_text() == "my own page"
    (mine / "report.json").write_text('{"made_by": "cytobench report", "files": ["index.html"]}')
    with pytest.raises(UserError, match="no report of cytobench"):
        check_folder(mine)


def test_a_file_put_into_a_report_is_not_lost(tmp_path: Path) -> None:
    out = tmp_path / "site"
    write_folder(out, {"index.html": PAGE})
    (out / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds notes\.txt"):
        write_folder(out, {"index.html": PAGE})
    assert (out / "notes.txt").read_text() == "mine"


def test_links_and_files_in_its_place_are_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").write_text("x")
    for name, words in (("link", "symbolic link"), ("file", "is a file")):
        with pytest.raises(UserError, match=words):
            check_folder(tmp_path / name)
    (tmp_path / "page.html").symlink_to(tmp_path / "file")
    with pytest.raises(UserError, match="symbolic link"):
        check_file(tmp_path / "page.html")


def test_a_single_file_replaces_only_a_page_of_ours(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write_file(page, PAGE)
    write_file(page, PAGE + b"2")
    assert page.read_bytes() == PAGE + b"2"
    page.write_text("mine")
    with pytest.raises(UserError, match="no report of cytobench"):
        write_file(page, PAGE)
    with pytest.raises(UserError, match=r"ends in \.html"):
        check_file(tmp_path / "page.txt")


def test_the_old_report_stays_where_the_new_one_cannot_be_put(tmp_path: Path, monkeypatch) -> None:
    out = tmp_path / "site"
    write_folder(out, {"index.html": PAGE})
    real = os.replace

    def fail(source: object, target: object) -> None:
        if Path(str(target)) == out and "old-" not in str(source):
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr("cytobench.reporting.page.site.os.replace", fail)
    with pytest.raises(UserError, match="No space left"):
        write_folder(out, {"index.html": PAGE + b"new"})
    assert (out / "index.html").read_bytes() == PAGE
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["empty", "--out", "site"], "holds no records"),
        (["absent", "--out", "site"], "is no folder"),
        (["empty"], "--out is missing"),
        (["empty", "--out", "site", "--store", "absent"], "--store absent is no folder"),
        (["empty", "--out", "site.txt", "--single-file"], "ends in .html"),
    ],
)
def test_mistakes_of_the_user_are_named(tmp_path: Path, monkeypatch, capsys, arguments, words) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit) as ended:
        main(["report", *arguments])
    out = capsys.readouterr()
    assert (ended.value.code, out.out) == (2, "")
    assert words in out.err
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
