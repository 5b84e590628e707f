"""Tables that people bring: every CSV, spreadsheet and Parquet file is read here, and what is ambiguous refused.

A column of a name that another one has, or a row with a field too many, would be read as something else in silence: a
comma in a note makes the patient of its row another one's. So neither is guessed at.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cytobench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".parquet")
"""What is read where nothing else is said; ``.xlsx`` can be read besides."""


def read_table(file: Path, called: str, suffixes: Sequence[str] = SUFFIXES) -> pd.DataFrame:
    """A table with index 0 .. n - 1, whose columns are named by texts, no two alike.

    Cells of CSV and XLSX are texts, empty where they hold nothing ("NA" stays a name, 007 stays 007); those of Parquet
    are as they are. Columns without a name are left out. ``called`` is what messages call the file. Raises UserError
    for a file that is not there or no such table, for an empty one, two columns of one name, and a row of a CSV with
    more or fewer fields than its first line.
    """
    suffix = file.suffix.lower()
    if suffix not in suffixes:
        raise UserError(f"{called}: give a {' or a '.join(suffixes)} file.")
    if not file.is_file():
        raise UserError(f"{called} is no file.")
    try:
        table = {".csv": _read_csv, ".xlsx": _read_xlsx, ".parquet": _read_parquet}[suffix](file, called)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # what parsers raise differs by format and library
        raise UserError(f"{called} cannot be read as {suffix[1:]}: {_first_line(error)}") from error
    return named_once(table, called)


def named_once(table: pd.DataFrame, called: str) -> pd.DataFrame:
    """The table with index 0 .. n - 1 and columns named by texts, those without a name left out.

    Raises UserError for two columns of one name, whatever spaces stand around it.
    """
    table = table.reset_index(drop=True).set_axis(table.columns.astype(str), axis=1)
    names = table.columns.str.strip()
    table, names = table.loc[:, names != ""], names[names != ""]
    double = names[names.duplicated()]
    if len(double):
        raise UserError(
            f"{called} has two columns named {double[0]}: which one is meant nobody can tell. Rename one of them, or "
            "take it out."
        )
    return table


def _read_csv(file: Path, called: str) -> pd.DataFrame:
    import pandas as pd

    rows: list[list[str]] = []
    header: list[str] = []
    with file.open(encoding="utf-8-sig", newline="") as opened:
        lines = csv.reader(opened, strict=True)
        begins = 1
        for fields in lines:
            if not header:
                header = fields
            elif any(field.strip() for field in fields) or len(fields) > 1:  # else the line is blank
                if len(fields) != len(header):
                    raise UserError(_uneven(called, begins, fields, header))
                rows.append(fields)
            begins = lines.line_num + 1
    if not header:
        raise UserError(f"{called} is empty.")
    return pd.DataFrame(rows, columns=header, dtype=str)


def _read_xlsx(file: Path, called: str) -> pd.DataFrame:
    import pandas as pd

    # With a header pandas would rename the second of two columns of one name.
    table = pd.read_excel(file, header=None, dtype=str, keep_default_na=False)
    if table.empty:
        raise UserError(f"{called} is empty.")
    return table.iloc[1:].set_axis(list(table.iloc[0]), axis=1)


def _read_parquet(file: Path, called: str) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(file)


def _uneven(called: str, line: int, fields: Sequence[str], header: Sequence[str]) -> str:
    shown = ", ".join(repr(field) for field in fields[:6]) + (", ..." if len(fields) > 6 else "")
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        way_out = "Its columns are not separated by commas; save it as a CSV with commas."
    elif len(fields) > len(header):
        way_out = "A text that holds a comma needs quotation marks around it."
    else:
        way_out = "A row needs every field, empty ones too."
    columns = f"{len(header)} columns ({', '.join(header)})"
    return f"{called}, line {line}: {len(fields)} fields ({shown}) under {columns}. {way_out}"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
