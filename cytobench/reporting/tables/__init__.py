"""One model of a table, and a writer for each format; what a table says is put together elsewhere."""

from cytobench.reporting.tables.model import Cell, Column, Kind, Table, TableRow, texts

__all__ = ["Cell", "Column", "Kind", "Table", "TableRow", "texts"]
