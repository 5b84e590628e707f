"""docs/results.md explains every key of a record and every column of the CSV."""

from __future__ import annotations

import re
from pathlib import Path

from cytobench.reporting.leaderboard.data import COLUMNS
from cytobench.storage.records.describe import keys_table

PAGE = (Path(__file__).parents[4] / "docs" / "results.md").read_text(encoding="utf-8")


def test_every_key_is_documented() -> None:
    table = keys_table()
    lines = table.splitlines()[2:]
    assert not [line for line in lines if re.search(r"\|\s+\|$", line)]
    assert "| `dataset.digest` |" in table
    assert "| `stages[].seconds` |" in table
    assert "| `prompts{}.origin` |" in table


def test_the_page_has_the_table_as_the_schema_is() -> None:
    assert keys_table() in PAGE, "write it anew: python -m cytobench.storage.records.describe"


def test_every_column_is_explained() -> None:
    section = PAGE.partition("### Columns of the CSV")[2].partition("## Keys")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    named = {word for cell in cells for word in re.findall(r"`(\w+)`", cell)}
    assert set(COLUMNS) <= named
