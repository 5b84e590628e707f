"""Pages in a real browser: one Chromium for the whole module, no network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cytobench.reporting.page import Options, make_report

from .results import HOSTILE, write_row
from .test_galleries import LABELS, content_key, put, sampled

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

REQUIRED = os.environ.get("CYTOBENCH_REQUIRE_BROWSER") == "1"
"""Whether a machine without a browser fails these tests; elsewhere they are skipped."""


def need(module: str) -> None:
    """Skip where a module is not installed, unless browser tests are required."""
    if not REQUIRED:
        pytest.importorskip(module)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        if REQUIRED:
            pytest.fail("CYTOBENCH_REQUIRE_BROWSER is set, and there is no chromium")
        pytest.skip("there is no chromium here: apt-get install chromium")
    need("playwright.sync_api")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        found = running.chromium.launch(executable_path=program)
        yield found
        found.close()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten rows with images, one incomplete, one failed, of two sections; the second with hostile classes."""
    root = tmp_path_factory.mktemp("results")
    out = root / "out"
    write_row(out, 0, 0.5, LABELS, folds=[0, 1], edit=two_folds)
    for n, generator in ((3, "sd21-lora"), (3, "repeat")):
        write_row(out, n, 0.6, LABELS, folds=[0, 1], generator=generator, edit=both(sampled(generator), two_folds))
    write_row(out, 50, 0.6, LABELS, folds=[0], edit=two_folds)
    write_row(out, 100, None, LABELS, folds=[0, 1], edit=two_folds)
    for label in LABELS:
        key = content_key("sample", {"label": label, "generator": "sd21-lora"})
        images = [np.random.default_rng(i).integers(0, 256, (128, 128, 3), dtype=np.uint8) for i in range(3)]
        put(out / "store", key, images, label)
    return root


def two_folds(values: dict[str, Any]) -> None:
    values["benchmark"].update(fold=[0, 1])


def both(*edits: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    def edit(values: dict[str, Any]) -> None:
        for one in edits:
            one(values)

    return edit


@pytest.fixture(scope="module")
def site(results: Path) -> Path:
    """A page as a folder."""
    return make_report([results / "out"], results / "site", Options())


@pytest.fixture(scope="module")
def hostile(results: Path) -> Path:
    """A page as a file, of two sections, one with hostile classes."""
    bad = results / "bad"
    for n in (0, 20):
        write_row(bad, n, 0.6, HOSTILE, folds=[0], edit=lambda v: v["dataset"].update(name=HOSTILE[0]))
    return make_report([results / "out", bad], results / "page.html", Options(single_file=True))


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page; at the end nothing may have been asked for, said or thrown."""
    told: list[str] = []
    contexts = []

    def call(file: Path, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: told.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: told.append(f"error: {error}"))
        page.on("dialog", lambda dialog: told.append(f"dialog: {dialog.message}"))
        page.on(
            "request",
            lambda asked: None if asked.url.startswith(("file:", "data:")) else told.append(f"request: {asked.url}"),
        )
        page.goto(file.resolve().as_uri())
        return page

    yield call
    for context in contexts:
        context.close()
    assert told == []


def column(page: Page, number: int) -> list[str]:
    cells = page.locator("#board-1 tbody tr:visible").evaluate_all(
        "(rows, n) => rows.map((row) => row.cells[n].textContent.trim())", number
    )
    return list(cells)


def test_sorting_is_told_and_works_by_keyboard(site: Path, opened) -> None:
    page = opened(site)
    before = column(page, 5)
    button = page.locator("#board-1 thead th").nth(5).get_by_role("button")
    button.focus()
    page.keyboard.press("Enter")
    head = page.locator("#board-1 thead th").nth(5)
    assert head.get_attribute("aria-sort") == "descending"
    shown = [int(text) for text in column(page, 5) if text]
    assert shown == sorted(shown, reverse=True) and shown[0] == 100
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "none" and column(page, 5) == before


def test_filters_hide_rows_and_say_how_many_are_left(site: Path, opened) -> None:
    page = opened(site)
    page.get_by_label("Find").fill("repeat incomplete")
    assert column(page, 2) == []
    page.get_by_label("Find").fill("repeat")
    assert column(page, 2) == ["repeat"]
    assert page.locator("#found").inner_text() == "1 of 6 rows"
    page.get_by_label("Find").fill("")
    assert page.locator("#found").inner_text() == "6 rows"


def test_filters_by_preset_choose_a_section(results: Path, opened) -> None:
    for preset in ("pocket", "paper"):
        write_row(results / preset, 0, 0.5, folds=[0], preset=preset)
    file = make_report([results / "pocket", results / "paper"], results / "two.html", Options(single_file=True))
    page = opened(file)
    assert page.locator("#leaderboard .section:visible").count() == 2
    page.locator("[data-filter=preset]").select_option("paper")
    shown = page.locator("#leaderboard .section:visible")
    assert shown.count() == 1 and shown.get_attribute("data-preset") == "paper"


@pytest.mark.parametrize("which", ["site", "hostile"])
def test_the_lightbox_works_by_keyboard_and_keeps_the_focus(which: str, request, opened) -> None:
    page = opened(request.getfixturevalue(which))
    cells = page.locator(".cell")
    assert cells.count() == 6
    cells.first.focus()
    page.keyboard.press("Enter")
    box = page.locator("#lightbox")
    assert box.is_visible()
    first = page.locator("#lightbox-caption").inner_text()
    assert first.startswith("Synthetic A, image 0")
    page.keyboard.press("ArrowRight")
    assert page.locator("#lightbox-caption").inner_text().startswith("Synthetic A, image 1")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#lightbox-place").inner_text() == "6 of 6"
    for _ in range(5):
        page.keyboard.press("Tab")
        # A browser lets the focus out to its own bar, which counts as the body, and never to the page behind.
        assert page.evaluate("!document.activeElement.closest('main')")
    width = page.locator("#lightbox-image").evaluate("(image) => image.naturalWidth")
    assert width == (128 if which == "site" else 96)
    page.keyboard.press("Escape")
    assert not box.is_visible()
    assert cells.last.evaluate("(cell) => cell === document.activeElement")


def test_a_gallery_shows_one_class_when_asked(site: Path, opened) -> None:
    page = opened(site)
    page.locator("[data-choose=label]").select_option(label="B")
    assert page.locator(".gallery .class:visible .label").all_inner_texts()[0].startswith("B")
    assert page.locator(".gallery .class:visible").count() == 1


def test_without_scripting_all_is_readable(site: Path, opened) -> None:
    page = opened(site, java_script_enabled=False)
    assert page.get_by_role("heading", level=1).is_visible()
    assert page.locator("#board-1 tbody tr").count() == 6
    assert page.locator("#filters").is_hidden() and page.locator(".choose").first.is_hidden()
    assert page.locator("#board-1 button").count() == 0
    assert page.locator(".cell img").count() == 6
    page.locator(".cell").first.click()
    assert page.url.endswith(".webp")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("which", ["site", "hostile"])
def test_no_width_makes_the_page_scroll_sideways(which: str, width: int, request, opened) -> None:
    page = opened(request.getfixturevalue(which), viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_by_role("heading", level=1).is_visible()
    assert page.locator(".sentence").first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["site", "hostile"])
def test_axe_finds_nothing(which: str, scheme: str, request, opened) -> None:
    need("axe_playwright_python.sync_playwright")
    from axe_playwright_python.sync_playwright import Axe

    page = opened(request.getfixturevalue(which), color_scheme=scheme)
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_dark_mode_is_dark(site: Path, opened) -> None:
    page = opened(site, color_scheme="dark")
    red, green, blue = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert max(red, green, blue) < 60


def test_hostile_names_are_text_and_no_element(hostile: Path, opened) -> None:
    page = opened(hostile)
    for label in HOSTILE:
        assert page.get_by_role("rowheader", name=label, exact=True).count() >= 1
    assert page.locator("script").count() == 1
    assert page.locator("img[src=x]").count() == 0
    page.wait_for_load_state("networkidle")  # an alert would be told by now


def test_plots_are_there_and_say_their_finding(site: Path, opened) -> None:
    page = opened(site)
    plots = page.locator(".plot img")
    assert plots.count() >= 3
    for number in range(plots.count()):
        plots.nth(number).scroll_into_view_if_needed()
        assert len(plots.nth(number).get_attribute("alt")) > 30
    page.wait_for_function("[...document.querySelectorAll('.plot img')].every((one) => one.naturalWidth > 0)")


def test_print_opens_what_is_closed_and_hides_what_is_for_the_screen(site: Path, opened) -> None:
    wide = 1030  # A4 across, less its margins, in CSS pixels
    page = opened(site, viewport={"width": wide, "height": 700})
    page.emulate_media(media="print")
    right = page.locator("table").evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().right)")
    assert max(right) <= wide
    assert page.locator("nav").is_hidden() and page.locator("#filters").is_hidden()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert page.pdf()[:4] == b"%PDF"


def test_the_first_tab_leads_past_the_head(site: Path, opened) -> None:
    page = opened(site)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the leaderboard"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    assert page.url.endswith("#leaderboard")
