"""What is found in a data set that a reader of its scores should know: one list for ``data describe``, runs and tables.

Findings never stop a run. What can be known from the files alone (:mod:`cytobench.data.unused`) comes with the data
set, what is in its images and labels is found here, and how they fall into folds in ``protocols/evenness.py``.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cytobench._dataset import Dataset, Finding
from cytobench._text import look_alike, plain, quoted
from cytobench.data.duplicates import find_duplicates
from cytobench.data.listing import SHOWN

if TYPE_CHECKING:
    import pandas as pd

IMAGES_ONLY, GROUPED = "images only", "grouped by patient"
"""What is said of data whose groups are not known, and how it begins where all are known."""

NO_PATIENT = "no_patient"
"""The kind of finding that some images name a patient and others do not."""

LIKE_PATIENTS, UNNAMED_PATIENTS = "like_patients", "unnamed_patients"
"""The kinds of findings that one patient has several names, and that a name stands for none."""

_NOBODY = frozenset(("na", "n/a", "nan", "none", "null", "nil", "unknown", "missing", "unnamed", "-", "--", "?", "."))
"""What people write where they know no patient, as :func:`~cytobench._text.plain` has it."""


def grouping(table: pd.DataFrame) -> str:
    """What a division can keep apart: ``images only``, ``grouped by patient (9)``, ``2 of 42 images name no patient``.

    The second only where every image has a group.
    """
    groups = table["group"]
    missing = int(groups.isna().sum())
    if missing == len(groups):
        return IMAGES_ONLY
    if missing:
        return f"{missing} of {len(groups)} images name no patient"
    return f"{GROUPED} ({groups.nunique()})"


def partly_grouped(table: pd.DataFrame) -> bool:
    """Whether some images name a patient and others do not."""
    known = table["group"].notna()
    return bool(known.any() and not known.all())


def dataset_findings(dataset: Dataset) -> list[Finding]:
    """All findings about a data set, as it was merged and limited; copies only where its images were decoded."""
    findings = list(dataset.findings)
    if partly_grouped(dataset.table):
        text = f"{grouping(dataset.table)}: each of them counts as a patient of its own, and may be one in training."
        findings.insert(0, Finding(NO_PATIENT, text))
    findings += _patient_findings(dataset.table["group"])
    return [*findings, *label_findings(dataset.labels), *_contradicting_copies(dataset.table)]


def like_labels(labels: Iterable[str]) -> str:
    """Which labels are probably one class, in words, quoted; empty if none are."""
    alike = [" and ".join(quoted(names)) for names in look_alike(labels)]
    more = f"; and {len(alike) - SHOWN} more" if len(alike) > SHOWN else ""
    return f"probably one class, written in several ways: {'; '.join(alike[:SHOWN])}{more}" if alike else ""


def label_findings(labels: Sequence[str]) -> list[Finding]:
    """A finding where labels are probably one class."""
    text = like_labels(labels)
    if not text:
        return []
    first = look_alike(labels)[0]
    merge = shlex.quote(f"{','.join(first)}={first[0]}")
    return [
        Finding(
            "like_labels",
            f"{text[0].upper()}{text[1:]}. An image of the one counts as wrong where the other is predicted. Write one "
            f"name, or take them as one: `cytobench run ... --merge {merge}`.",
        )
    ]


def _patient_findings(groups: pd.Series[str]) -> list[Finding]:
    """Findings about how patients are called. Their names stay in the data set: none but a word for nobody is told."""
    names = list(groups.dropna().unique())
    nobody = [name for name in names if plain(name) in _NOBODY]
    findings = []
    if nobody:
        count = int(groups.isin(nobody).sum())
        findings.append(
            Finding(
                UNNAMED_PATIENTS,
                f"{count} of {len(groups)} images name the patient {', '.join(quoted(nobody))}, which looks like none: "
                "they count as one patient, and may be of others in training. Name their patients, or leave the cells "
                "empty.",
            )
        )
    alike = len(look_alike(name for name in names if name not in nobody))
    if alike:
        findings.append(
            Finding(
                LIKE_PATIENTS,
                f"{'1 patient is' if alike == 1 else f'{alike} patients are'} probably written in several ways, by "
                "capitals, spaces or the form of letters: each way counts as a patient of its own, and may be one in "
                "training. Write each in one way.",
            )
        )
    return findings


def _contradicting_copies(table: pd.DataFrame) -> list[Finding]:
    contradicting = [same for same in find_duplicates(table) if same.contradict]
    if not contradicting:
        return []
    labels = list(dict.fromkeys(" and ".join(same.labels) for same in contradicting))
    which = f"{', '.join(labels[:SHOWN])}{', ...' if len(labels) > SHOWN else ''}"
    number = len(contradicting)
    pictures = "1 picture is" if number == 1 else f"{number} pictures are"
    return [
        Finding(
            "contradicting_copies",
            f"{pictures} there under several labels ({which}): no classifier can be right each time. "
            "`cytobench data describe` lists them.",
        )
    ]
