"""Pages from templates; ``tables/table.html`` writes a table. Every text is escaped where it is written."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from cytobench.reporting.tables.model import Table


def to_html(table: Table, name: str) -> str:
    """A table as an element; ``name`` begins its ids."""
    template: Any = _environment().get_template("tables/table.html")
    return str(template.module.table(table, name))


def fill(template: str, **values: Any) -> str:
    """A template of ``cytobench.reporting``, by its path there, filled in."""
    return _environment().get_template(template).render(**values)


def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _read(template: str) -> str:
    return files("cytobench.reporting").joinpath(*template.split("/")).read_text(encoding="utf-8")
