"""What files say of patients and divisions, and is not used: columns of manifests, tables beside the images."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cytobench._dataset import Finding
from cytobench._text import printable
from cytobench.data.listing import SHOWN

if TYPE_CHECKING:
    import pandas as pd

_PATIENTS = frozenset(
    (
        *("patient", "subject", "person", "participant", "individual", "donor", "case", "mrn", "pid"),
        *("slide", "smear", "specimen"),
    )
)
_DIVISIONS = frozenset(("split", "fold", "kfold", "subset", "partition"))
_NUMBERS = frozenset(("id", "ids", "no", "nr", "num", "number", "name", "code", "key", "uid", "uuid", "hash", "index"))
"""Words that make a column of a patient's age one of a patient's number."""

_JOINED = re.compile(rf"\b({'|'.join(sorted(_PATIENTS))})({'|'.join(sorted(_NUMBERS))})\b")
"""``patientid``: two words, as often as not written as one."""
_PARTS = frozenset(("train", "training", "val", "valid", "validation", "dev", "test", "testing", ""))
"""The values of a column that divides, whatever it is called."""

_TABLES = frozenset((".csv", ".tsv", ".xlsx", ".xls", ".parquet", ".jsonl"))
_LISTS = frozenset((".txt", ".json", ".dat"))
_NAMES = frozenset(("label", "annotation", "metadata", "manifest", "patient", "groundtruth", "split", "fold"))


def words_of(name: str) -> list[str]:
    """The words of a column's or a file's name, small, without a plural's s: ``PatientIDs``, ``patient id``."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})", " ", name)
    apart = _JOINED.sub(r"\1 \2", apart.casefold())
    words = [word for word in re.split(r"[\W_\d]+", apart) if word]
    known = _PATIENTS | _DIVISIONS | _NAMES
    return [word[:-1] if word.endswith("s") and word[:-1] in known else word for word in words]


def names_patients(column: str) -> bool:
    """Whether a column is called as one of patients or slides is: ``Subject``, ``patient_id``; not ``patient_age``."""
    words = words_of(column)
    named = bool(_PATIENTS.intersection(words))
    return named and (words[-1] in _NUMBERS or all(word in _PATIENTS | _NUMBERS for word in words))


def names_division(column: str) -> bool:
    """Whether a column is called as one that divides images is: ``split``, ``fold0``, ``cv_fold``."""
    words = words_of(column)
    return bool(_DIVISIONS.intersection(words)) and (words[-1] in _DIVISIONS or set(words) <= _DIVISIONS | _NUMBERS)


def unused_columns(file: Path, table: pd.DataFrame, used: Sequence[str]) -> list[Finding]:
    """Findings about the columns of a manifest that are filled, and that nothing uses."""
    unused = [name for name in table.columns if name not in used and _filled(table[name])]
    findings, called = [], _written(file.name)
    patients = [name for name in unused if names_patients(name) and not _within_groups(table, name)]
    if patients:
        first = shlex.quote(_written(patients[0]))
        command = f"cytobench data manifest {shlex.quote(called)} --group {first} --out NEW.csv"
        many = len(patients) > 1
        findings.append(
            Finding(
                "unused_patients",
                f"{called} has {_columns(patients)}, which {'look' if many else 'looks'} like patients or slides "
                f"and {'are' if many else 'is'} not used: a column is used by the name group. Rename "
                f"{'one' if many else 'it'}, or write `{command}`.",
            )
        )
    divisions = [name for name in unused if names_division(name) or _divides(table[name])]
    if divisions:
        many = len(divisions) > 1
        findings.append(
            Finding(
                "unused_division",
                f"{called} has {_columns(divisions)}, which {'look' if many else 'looks'} like a division of the "
                f"images and {'are' if many else 'is'} not used: the protocol divides them anew.",
            )
        )
    return findings


def unused_tables(folder: Path) -> list[Finding]:
    """A finding about tables that lie in a folder of classes, or in one of its class folders, and are not read."""
    places = [folder, *sorted(entry for entry in folder.iterdir() if entry.is_dir() and entry.name[0] != ".")]
    files = [file for place in places for file in sorted(place.iterdir()) if _is_table(file)]
    if not files:
        return []
    names = [_written(file.relative_to(folder).as_posix()) for file in files]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [
        Finding(
            "unused_table",
            f"The folder holds {', '.join(names[:SHOWN])}{more}, and what stands there is not used: labels are the "
            "folders' names, and no patients are known. Give a manifest (columns path, label, group) as the data set "
            "itself, or make one: `cytobench data manifest FOLDER --table FILE --key COLUMN --group COLUMN`.",
        )
    ]


def _is_table(file: Path) -> bool:
    suffix = file.suffix.lower()
    named = suffix in _TABLES or (suffix in _LISTS and bool(_NAMES.intersection(words_of(file.stem))))
    return named and not file.name.startswith(".") and file.is_file()


def _filled(column: pd.Series[str]) -> bool:
    return bool((column.notna() & (column.astype(str).str.strip() != "")).any())


def _within_groups(table: pd.DataFrame, column: str) -> bool:
    """Whether images of one value of a column are of one group: then the groups keep them together already."""
    if "group" not in table:
        return False
    texts = table[[column, "group"]].astype(object).where(table[[column, "group"]].notna(), "").astype(str)
    texts = texts.apply(lambda cells: cells.str.strip())
    named = texts[texts[column] != ""]
    return bool((named["group"] != "").all() and (named.groupby(column)["group"].nunique() == 1).all())


def _divides(column: pd.Series[str]) -> bool:
    """Whether a filled column holds nothing but the names of parts."""
    return set(column.dropna().astype(str).str.strip().str.casefold()) <= _PARTS


def _columns(names: Sequence[str]) -> str:
    shown = ", ".join(map(_written, names[:SHOWN]))
    if len(names) == 1:
        return f"the column {shown}"
    return f"the columns {shown}{f' and {len(names) - SHOWN} more' if len(names) > SHOWN else ''}"


def _written(name: str) -> str:
    """A stranger's name as a record can hold it and a terminal can show it."""
    return printable(name.encode(errors="backslashreplace").decode()).replace("\n", " ")
