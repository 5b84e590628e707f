"""A table before any format: columns, rows of cells, and what stands under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto


class Kind(Enum):
    """What a column holds, by which it is set."""

    TEXT = auto()
    COUNT = auto()
    """Whole numbers, to the right everywhere."""
    SCORE = auto()
    """Figures with a spread or a unit: to the right between rules, and as texts on a terminal."""


@dataclass(frozen=True)
class Column:
    """A column; those of one ``group`` stand side by side, and belong together."""

    name: str
    kind: Kind = Kind.TEXT
    group: str = ""

    @property
    def heading(self) -> str:
        """The name with its group's before it."""
        return f"{self.group} {self.name}" if self.group else self.name

    @property
    def number(self) -> bool:
        """Whether it holds numbers."""
        return self.kind is not Kind.TEXT


@dataclass(frozen=True)
class Cell:
    """A text, what it is sorted by (a number as text; empty for the text itself), and whether it is the best."""

    text: str
    key: str = ""
    best: bool = False


@dataclass(frozen=True)
class TableRow:
    """A row: its cells, and its kind for the eye: ``first``, ``unranked``, ``reference``, ``failed``, or none."""

    cells: tuple[Cell, ...]
    kind: str = ""
    remarks: tuple[str, ...] = ()
    """What is to be known of it, where that has no column."""
    name: str = ""
    bar: float | None = None
    """A score that may be drawn, 0 to 1."""


@dataclass(frozen=True)
class Table:
    """A table; ``labels`` are its first columns, which say what a row is about."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    notes: tuple[str, ...] = ()
    labels: int = 1

    def __post_init__(self) -> None:
        if any(len(row.cells) != len(self.columns) for row in self.rows):
            raise ValueError(f"a row of {self.title!r} has not {len(self.columns)} cells")

    def part(self, start: int, stop: int | None) -> Table:
        """The same with these columns alone."""
        rows = tuple(replace(row, cells=row.cells[start:stop]) for row in self.rows)
        return replace(self, columns=self.columns[start:stop], rows=rows, labels=max(0, self.labels - start))


def texts(
    names: Sequence[str | Column],
    rows: Sequence[Sequence[str]],
    title: str = "",
    labels: int = 1,
    notes: Sequence[str] = (),
) -> Table:
    """A table of plain texts."""
    columns = tuple(name if isinstance(name, Column) else Column(name) for name in names)
    return Table(title, columns, tuple(TableRow(tuple(map(Cell, row))) for row in rows), tuple(notes), labels)
