"""The page as text: what is on it, for good results and bad ones, and that nothing of it is trusted."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cytobench.reporting.page import Options, make_report

from .results import HOSTILE, SCRIPT, write_row
from .test_galleries import measured


class Elements(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def page_of(tmp_path: Path, *folders: Path, **options: Any) -> tuple[str, Elements]:
    file = make_report(folders, tmp_path / "site.html", Options(single_file=True, **options))
    text = file.read_text(encoding="utf-8")
    return text, Elements(text)


def test_every_section_is_there_with_rows_in_words(tmp_path: Path) -> None:
    out = write_row(tmp_path / "out", 0, 0.5)
    write_row(out, 20, 0.6)
    write_row(out, 50, 0.6, folds=[0, 1])
    write_row(out, 100, None)
    text, page = page_of(tmp_path, out)
    ids = {attributes.get("id") for _, attributes in page.found}
    topics = {"leaderboard", "curves", "confusion", "classes", "gallery", "fidelity", "cost", "provenance"}
    assert topics <= ids
    assert "incomplete, not ranked" in text and "failed" in text and "out of memory" in text
    assert "not distinguishable from the best" in text or "below the best" in text
    assert "cytobench run benchmark.toml" in text and "folds = 5" in text
    assert "This page shows no cell images." in text
    assert "Not measured: the runs were made without" in text


def test_headings_are_in_order_and_ids_are_unique(tmp_path: Path) -> None:
    out = write_row(tmp_path / "out", 0, 0.5, folds=[0, 1])
    write_row(out, 20, 0.6, folds=[0, 1])
    other = write_row(tmp_path / "other", 20, 0.6, folds=[0], preset="paper")
    _, page = page_of(tmp_path, out, other)
    levels = [int(tag[1]) for tag, _ in page.found if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))
    ids = [attributes["id"] for _, attributes in page.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(image.get("alt") is not None for image in page.all("img"))


def test_hostile_words_are_shown_and_never_run(tmp_path: Path) -> None:
    def edit(values: dict[str, Any]) -> None:
        values["dataset"]["name"] = SCRIPT
        values["classifier"]["ran"]["weights"] = SCRIPT
        values["device"]["name"] = SCRIPT
        values["environment"]["packages"][SCRIPT] = SCRIPT
        values["protocol"]["switches"][SCRIPT] = SCRIPT
        values["classifier"]["distribution"] = SCRIPT

    out = write_row(tmp_path / "out", 0, 0.5, HOSTILE, folds=[0, 1], edit=edit)
    write_row(out, 20, 0.6, HOSTILE, folds=[0, 1], generator="'><script>alert(3)</script>", edit=edit)
    text, page = page_of(tmp_path, out)
    assert len(page.all("script")) == 1 and len(page.all("style")) == 1
    assert not [attributes for _, attributes in page.found if any(name.startswith("on") for name in attributes)]
    assert {image["src"].split(":")[0] for image in page.all("img")} == {"data"}  # type: ignore[union-attr]
    assert all(link["href"].startswith("#") for link in page.all("a"))  # type: ignore[union-attr]
    words = "".join(page.text)
    assert all(label in words for label in HOSTILE)
    assert "{{ 7 * 7 }}" in text and "49`" not in text


def test_the_policy_lets_the_page_load_and_run_nothing_else(tmp_path: Path) -> None:
    out = write_row(tmp_path / "out", 0, 0.5, folds=[0])
    text, page = page_of(tmp_path, out)
    (policy,) = (meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'; img-src 'self' data:")
    assert "unsafe" not in policy and "http" not in policy
    assert not page.all("link") and "@import" not in text and "url(" not in text
    assert not [attributes for _, attributes in page.found if "style" in attributes]


@pytest.mark.parametrize("classes", [2, 15, 100])
def test_any_number_of_classes(tmp_path: Path, classes: int) -> None:
    labels = [f"Class {i:03d}" for i in range(classes)]
    out = write_row(tmp_path / "out", 0, 0.5, labels, each=2, folds=[0])
    write_row(out, 20, 0.6, labels, each=2, folds=[0])
    text, _ = page_of(tmp_path, out)
    assert all(label in text for label in labels)
    assert len(text.encode()) < 3_000_000


def test_rows_of_other_folds_are_not_compared_class_by_class(tmp_path: Path) -> None:
    out = write_row(tmp_path / "out", 0, 0.5, folds=[0, 1, 2])
    write_row(out, 20, 0.6, folds=[0])
    assert "F1 class by class" not in page_of(tmp_path, out)[0]
    write_row(out, 20, 0.6, folds=[1, 2])
    assert "F1 class by class" in page_of(tmp_path, out)[0]


def test_two_settings_of_a_generator_have_a_table_of_fidelity_each(tmp_path: Path) -> None:
    def with_steps(steps: int, kid: float) -> Callable[[dict[str, Any]], None]:
        def edit(values: dict[str, Any]) -> None:
            measured("BAS", 0.0, 0)(values)
            values["generator"]["sample_config"] = {**values["generator"]["sample_config"], "steps": steps}
            values["fidelity"][0]["classes"]["BAS"]["kid"] = {"value": kid, "low": None, "high": None}

        return edit

    out = write_row(tmp_path / "out", 20, 0.5, folds=[0], tag="a", edit=with_steps(5, 0.1))
    write_row(out, 20, 0.6, folds=[0], tag="b", edit=with_steps(500, 0.9))
    text = page_of(tmp_path, out)[0]
    titles = set(re.findall(r"Fidelity class by class: sd21-lora \[[^]]*\]", text))
    assert len(titles) == 2 and ">0.100" in text and ">0.900" in text


def test_all_failed_and_one_trial_are_pages_too(tmp_path: Path) -> None:
    failed = write_row(tmp_path / "failed", 20, None, folds=[0, 1])
    text, _ = page_of(tmp_path, failed)
    assert "Not known" in text and "out of memory" in text
    one = write_row(tmp_path / "one", 0, 0.5, folds=[0])
    text, _ = page_of(tmp_path, one)
    assert "no finished row on cells" in text


def test_folders_that_do_not_compare_are_kept_apart_in_words(tmp_path: Path) -> None:
    mine = write_row(tmp_path / "mine", 20, 0.6, folds=[0, 1])
    theirs = write_row(
        tmp_path / "theirs",
        20,
        0.6,
        folds=[0, 1],
        edit=lambda v: (v["device"].update(name="Other GPU"), v["protocol"].update(version=2)),
    )
    text, page = page_of(tmp_path, mine, theirs)
    assert "2 sections, which are never ranked together, for they differ in" in text
    assert "version of the protocol (1; 2)" in text and "device (Test CPU, 2 cores; Other GPU)" in text
    boards = [table for table in page.all("table") if "board" in (table.get("class") or "")]
    assert len(boards) == 2


def test_the_same_trial_twice_and_differing_versions_are_explained(tmp_path: Path) -> None:
    mine = write_row(tmp_path / "mine", 20, 0.6, folds=[0, 1])
    later = {"finished": "2026-02-02T00:00:00+00:00"}
    torch = lambda v: v["environment"]["packages"].update(torch="2.14.0")  # noqa: E731
    theirs = write_row(tmp_path / "theirs", 20, 0.7, folds=[1, 2], edit=torch, **later)
    write_row(mine, 0, 0.5, folds=[0], edit=lambda v: v["environment"]["packages"].update(torch="2.9.0"))
    text, _ = page_of(tmp_path, mine, theirs)
    assert "1 trial is on record in more than one folder" in text
    assert "different versions of torch (2.14.0, 2.9.0)" in text
    assert "mine; theirs" in text and str(tmp_path) not in text


def test_third_party_plugins_are_marked(tmp_path: Path) -> None:
    def strange(values: dict[str, Any]) -> None:
        values["generator"].update(distribution="other-lab", version="9")

    out = write_row(tmp_path / "out", 20, 0.6, folds=[0], edit=strange)
    text, _ = page_of(tmp_path, out)
    assert "other-lab 9 (third-party)" in text and "sd21-lora \N{DAGGER}" in text


def test_missing_predictions_leave_a_page_without_matrices(tmp_path: Path) -> None:
    out = write_row(tmp_path / "out", 0, 0.5, folds=[0, 1])
    for file in (out / "predictions").iterdir():
        file.unlink()
    said: list[str] = []
    text, _ = page_of(tmp_path, out, say=said.append)
    assert "no finished trial has its predictions here" in text


def test_the_same_records_give_the_same_page(tmp_path: Path) -> None:
    out = write_row(tmp_path / "out", 0, 0.5, folds=[0, 1])
    first, _ = page_of(tmp_path, out)
    again, _ = page_of(tmp_path, out)
    assert first == again
