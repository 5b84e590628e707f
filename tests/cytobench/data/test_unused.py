"""Columns and tables that say something of patients or divisions, and that nothing uses."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from cytobench.data.open import list_path
from cytobench.data.unused import names_division, names_patients, unused_columns, unused_tables

PATIENTS = [
    *("patient", "patient_id", "Patient ID", "PatientID", "patientId", "PATIENT-ID", "patientid", "Patients"),
    *("Subject", "subject_no", "slide", "Slide.Name", "case", "CaseNumber", "donor", "donor_uuid", "mrn", "MRN"),
    *("hospital_patient_id", "person", "participant key", "specimen", "smear_id", "pid"),
]
OTHERS = [
    *("patient_age", "patient sex", "slide_scanner", "caseless", "lowercase", "showcase_text", "subjective"),
    *("path", "label", "group", "image_id", "id", "quality", "staircase", "donors_bloodgroup", "number"),
]
DIVISIONS = ["split", "Split", "fold", "fold0", "fold_3", "Fold ID", "cv_fold", "train_test_split", "subset", "splits"]
UNDIVIDED = ["splitter", "manifold", "folder", "unfolded", "split_time_of_day", "path", "partitioning"]


@pytest.mark.parametrize("column", PATIENTS)
def test_columns_of_patients_are_known_by_whole_words(column: str) -> None:
    assert names_patients(column)


@pytest.mark.parametrize("column", [*OTHERS, *DIVISIONS])
def test_other_columns_are_not(column: str) -> None:
    assert not names_patients(column)


@pytest.mark.parametrize("column", DIVISIONS)
def test_columns_that_divide_are_known(column: str) -> None:
    assert names_division(column)


@pytest.mark.parametrize("column", [*UNDIVIDED, *OTHERS, *PATIENTS])
def test_others_are_not(column: str) -> None:
    assert not names_division(column)


def found(**columns: list[str]) -> dict[str, str]:
    """The findings about a manifest with these columns, by kind."""
    table = pd.DataFrame({"path": ["a", "b", "c"], **columns})
    return {each.kind: each.text for each in unused_columns(Path("m.csv"), table, ("path", "label", "group"))}


def test_a_finding_names_the_column_and_the_way_to_use_it() -> None:
    text = found(patient_id=["1", "1", "2"], Slide=["x", "y", "z"])["unused_patients"]
    assert "m.csv has the columns patient_id, Slide" in text
    assert "`cytobench data manifest m.csv --group patient_id --out NEW.csv`" in text
    assert set(found(fold0=["train", "val", "test"], part=["train", "", "TEST"])) == {"unused_division"}
    assert "the columns fold0, part" in found(fold0=["1", "2", "3"], part=["train", "", "TEST"])["unused_division"]
    assert found(patient_id=["", " ", ""], split=["", "", ""], note=["train", "dark", ""]) == {}


@pytest.mark.parametrize(
    ("group", "patients", "told"),
    [
        (["s1", "s1", "s2"], ["1", "1", "2"], False),
        (["s1", "s2", "s3"], ["1", "1", "2"], True),
        (["1", "1", "2"], ["s1", "s2", "s3"], False),
        (["1", "", "2"], ["s1", "s2", "s3"], True),
    ],
    ids=["the same", "patients of several slides", "slides of one patient", "an image without a group"],
)
def test_what_the_groups_keep_together_anyway_is_not_told(group: list[str], patients: list[str], told: bool) -> None:
    assert ("unused_patients" in found(group=group, patient_id=patients)) == told


@pytest.mark.parametrize(
    "name",
    ["manifest.csv", "patients.xlsx", "A/cells.parquet", "metadata.jsonl", "labels.txt", "Labels.json", "x.tsv"],
)
def test_a_table_in_a_folder_of_classes_is_told(cells: Path, name: str) -> None:
    assert list_path(str(cells), {}).findings == ()
    (cells / name).parent.mkdir(exist_ok=True)
    (cells / name).write_text("path,label\n")
    [finding] = unused_tables(cells)
    assert finding.kind == "unused_table" and f"The folder holds {name}, " in finding.text


@pytest.mark.parametrize("name", ["README.txt", "LICENSE", "notes.json", "._manifest.csv", "thumbs.db"])
def test_other_files_are_not(cells: Path, name: str) -> None:
    (cells / name).write_text("path,label\n")
    assert unused_tables(cells) == []


def test_names_of_strangers_can_be_written_into_records_and_shown(cells: Path) -> None:
    (cells / "bad\udcff\x1b[2J.csv").write_text("")
    [finding] = unused_tables(cells)
    assert "bad\\udcff" in finding.text and "\x1b" not in finding.text and finding.text.encode()
    text = found(**{"patient\n\x1b[2J_id": ["1", "1", "2"]})["unused_patients"]
    assert "\x1b" not in text and "\n" not in text
