"""A record that its predictions do not bear out is refused by name, whoever changed it and however well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cytobench.errors import UserError
from cytobench.metrics import classification
from cytobench.storage.records import Record, has_predictions, read_record, read_record_files, write_record
from cytobench.storage.records.checks import code

from ...conftest import LABELS, record_values, recorded

Values = dict[str, Any]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def honest() -> tuple[Values, pd.DataFrame]:
    """What a run leaves: the record's values and its predictions."""
    rng = np.random.default_rng(0)
    label = rng.choice(LABELS, 60)
    table = pd.DataFrame(
        {
            "path": [f"{number}.png" for number in range(60)],
            "split": ["validation"] * 20 + ["test"] * 40,
            "label": label,
            "predicted": np.where(rng.random(60) < 0.6, label, rng.choice(LABELS, 60)),
            "synthetic": False,
        }
    )
    record, table = recorded(record_values(), table)
    return record.model_dump(mode="json"), table


def edited(change: Callable[[Values], object]) -> Callable[[Values, pd.DataFrame], pd.DataFrame]:
    """A change of the record alone."""

    def call(values: Values, table: pd.DataFrame) -> pd.DataFrame:
        change(values)
        return table

    return call


def cell(row: int, **cells: object) -> Callable[[Values, pd.DataFrame], pd.DataFrame]:
    """A change of one prediction."""

    def call(values: Values, table: pd.DataFrame) -> pd.DataFrame:
        table = table.copy()
        for name, value in cells.items():
            table.loc[row, name] = value
        return table

    return call


def right_everywhere(values: Values, table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(predicted=table["label"])


def claimed_failed(values: Values, table: pd.DataFrame) -> pd.DataFrame:
    """A score of another's choice, which the record says could not be computed."""
    values["scores"]["test"]["f1_macro"] = 0.99
    values["metrics_failed"] = {"test": {"f1_macro": "raised MemoryError"}}
    return table


def test_an_honest_record_is_read(tmp_path: Path, honest) -> None:
    values, table = honest
    file = write_record(tmp_path, Record.model_validate(values), table)
    assert read_record(file).scores == values["scores"]


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (edited(lambda v: v["scores"]["test"].update(f1_macro=0.99)), r"says f1_macro 0\.99 on test; its predictions"),
        (edited(lambda v: v["scores"]["test"].update(mcc=0.99)), r"says mcc 0\.99 on test; its predictions give 0\."),
        (edited(lambda v: v["scores"]["test"].update(auc_macro=None)), r"says auc_macro null on test; its predictions"),
        (edited(lambda v: v["scores"]["validation"].update(f1_macro=0.99)), r"f1_macro 0\.99 on validation"),
        (edited(lambda v: v["scores"]["test"].update(f1_macro=1.7)), r"f1_macro 1\.7 on test, which it cannot be"),
        (edited(lambda v: v["scores"]["test"].update(log_loss=-1.0)), r"log_loss -1 on test, which it cannot be"),
        (claimed_failed, r"says that f1_macro failed on test, and gives it as 0\.99"),
        (edited(lambda v: v["scores"].pop("test")), "predictions of the split test alone"),
        (edited(lambda v: v["scores"].update(test_real=v["scores"]["test"])), "scores of the split test_real alone"),
        (edited(lambda v: v["splits"]["test"].update(BAS=1)), r"says that test has 1 images of BAS; its predictions"),
        (edited(lambda v: v["splits"]["train"].update(BAS=10_000)), "images of BAS were divided, of a data set that"),
        (edited(lambda v: v.update(train_only=["BAS"])), "whose label BAS is no class of it"),
        (cell(25, label="NEU"), "whose label NEU is no class of it"),
        (cell(25, predicted="NEU"), "whose predicted NEU is no class of it"),
        (cell(25, split="train"), "of a split train, which there is not"),
        (cell(25, path="26.png"), r"26\.png twice in test"),
        (cell(25, path="3.png"), r"3\.png in validation and in test"),
        (cell(25, synthetic=True), r"a synthetic image, 25\.png, among those of test"),
        (cell(25, p_BAS=1.4), r"p_BAS of 1\.4 for 25\.png"),
        (cell(25, p_BAS=-0.1), r"p_BAS of -0\.1 for 25\.png"),
        (cell(25, p_BAS=np.nan), r"p_BAS of nan for 25\.png"),
        (cell(25, p_BAS=0.0, p_EOS=0.0, p_LYA=0.5), r"sum to 0\.5 for 25\.png"),
        (right_everywhere, "which has not the highest probability"),
        (lambda v, table: table.iloc[:-1], "its predictions have"),
        (lambda v, table: pd.concat([table, table.iloc[[30]]]), "twice in test"),
        (lambda v, table: table.drop(columns="p_LYA"), "not p_BAS and on"),
        (lambda v, table: table.drop(columns=["p_BAS", "p_EOS", "p_LYA"]), "of no probabilities"),
        (lambda v, table: table.rename(columns={"p_LYA": "p_NEU"}), "not p_BAS and on"),
        (lambda v, table: table[table["split"] == "validation"], "scores of the split test alone"),
    ],
)
def test_what_predictions_do_not_bear_out_is_refused_with_fresh_digests(tmp_path: Path, honest, forge, said) -> None:
    values, table = honest
    table = forge(values, table)
    file = write_record(tmp_path, Record.model_validate(values), table)
    for read in (lambda: read_record(file), lambda: read_record_files([tmp_path])):
        with pytest.raises(UserError, match=rf"record .*{file.name} .*{said}.*cytobench run"):
            read()


def test_other_predictions_than_those_it_was_written_with_are_refused(tmp_path: Path, honest) -> None:
    values, table = honest
    file = write_record(tmp_path, Record.model_validate(values), table)
    right_everywhere(values, table).to_parquet(tmp_path / "predictions" / f"{file.stem}.parquet", index=False)
    with pytest.raises(UserError, match="are damaged"):
        read_record(file)


def test_another_order_of_summing_is_no_forgery(tmp_path: Path, honest) -> None:
    values, table = honest
    values["scores"]["test"]["f1_macro"] *= 1 + 1e-12
    file = write_record(tmp_path, Record.model_validate(values), table)
    assert read_record(file)


def test_a_metric_that_failed_then_is_not_held_against_its_record(tmp_path: Path, honest) -> None:
    values, table = honest
    values["scores"]["test"]["ece"] = None
    values["metrics_failed"] = {"test": {"ece": "raised MemoryError"}}
    assert read_record(write_record(tmp_path, Record.model_validate(values), table))


def test_without_its_predictions_a_record_is_read_and_known_as_such(tmp_path: Path, honest) -> None:
    values, table = honest
    file = write_record(tmp_path, Record.model_validate(values), table)
    next((tmp_path / "predictions").iterdir()).unlink()
    assert not has_predictions(read_record(file), file)


def test_what_was_found_right_is_remembered_until_the_code_changes(
    tmp_path: Path, cache: Path, honest, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, table = honest
    file = write_record(tmp_path, Record.model_validate(values), table)
    computed = []
    real = classification.accuracy
    monkeypatch.setattr(classification, "accuracy", lambda *given: computed.append(1) or real(*given))
    read_record(file)
    once = len(computed)
    read_record(file)
    assert once and len(computed) == once
    monkeypatch.setattr("cytobench.storage.records.files.code", lambda: "other code")
    read_record(file)
    assert len(computed) == 2 * once
    # What is remembered is of this record and these predictions alone.
    values["scores"]["test"]["f1_macro"] = 0.99
    write_record(tmp_path, Record.model_validate(values), table)
    with pytest.raises(UserError, match="says f1_macro"):
        read_record(file)


def test_the_code_that_scores_is_its_source_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = code.__wrapped__()
    other = tmp_path / "classification.py"
    other.write_text("# another way to score\n")
    monkeypatch.setattr(classification, "__file__", str(other))
    assert code.__wrapped__() != before


@pytest.mark.parametrize("place", ["/proc/none", ""])
def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, honest, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CYTOBENCH_CACHE", place or str(tmp_path / "file"))
    (tmp_path / "file").write_text("no folder")
    values, table = honest
    assert read_record(write_record(tmp_path, Record.model_validate(values), table))
