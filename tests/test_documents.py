"""Documents name files that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
PATH = re.compile(r"`((?:cytobench|plugins|tests/cytobench|benchmarks|docs)/[\w./-]+)`")


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: page.name)
def test_every_file_that_a_document_names_is_there(page: Path) -> None:
    named = {path for path in PATH.findall(page.read_text(encoding="utf-8")) if "NAME" not in path}
    assert not {path for path in named if not (ROOT / path).exists()}
