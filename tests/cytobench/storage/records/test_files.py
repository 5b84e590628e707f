"""Records survive being written and read, and their scores follow from their predictions."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from cytobench.errors import UserError
from cytobench.metrics.built_in import BUILT_IN, OF_ALL_CLASSES, STUDY
from cytobench.metrics.scoring import scores_by_split
from cytobench.plugins import load_plugins
from cytobench.plugins.metrics import find_metric
from cytobench.storage.records import (
    predictions_of,
    read_record,
    read_records,
    rescore,
    with_metrics,
    write_record,
)

from ...conftest import record_values, recorded

LABELS = ["BAS", "EOS", "LYA"]


@pytest.fixture
def predictions() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), 30)
    table = pd.DataFrame(
        {
            "path": [f"{i}.png" for i in range(30)],
            "split": ["validation"] * 10 + ["test"] * 20,
            "label": rng.choice(LABELS, 30),
            "predicted": np.array(LABELS)[probabilities.argmax(axis=1)],
            "synthetic": False,
        }
    )
    return table.assign(**{f"p_{label}": probabilities[:, i] for i, label in enumerate(LABELS)})


def test_round_trip(tmp_path: Path, make_record, predictions) -> None:
    record, predictions = recorded(record_values(classifier="timm:resnet18"), predictions)
    file = write_record(tmp_path, record, predictions)

    assert file == tmp_path / "records" / "sd21-lora__timm-resnet18__s16__n20__fold0.json"
    again = read_record(file)
    assert again.model_copy(update={"predictions": None, "predictions_digest": None, "digest": None}) == record
    assert (file.parent / again.predictions).resolve() == tmp_path / "predictions" / f"{record.trial}.parquet"
    assert read_records([tmp_path]) == [again]
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


def test_predictions_have_the_promised_columns(tmp_path: Path, make_record, predictions) -> None:
    file = write_record(tmp_path, *recorded(record_values(), predictions.assign(more=1)))
    table = predictions_of(read_record(file), file)
    assert list(table) == ["path", "split", "label", "predicted", "synthetic", "p_BAS", "p_EOS", "p_LYA"]
    schema = pq.read_schema(tmp_path / "predictions" / f"{file.stem}.parquet")
    assert {str(schema.field(f"p_{label}").type) for label in LABELS} == {"float"}


def test_scores_follow_from_the_predictions_alone(tmp_path: Path, make_record, predictions) -> None:
    saved = predictions.astype({f"p_{label}": "float32" for label in LABELS})
    scored = scores_by_split(saved, LABELS, OF_ALL_CLASSES)
    record, _ = recorded(record_values(), predictions)
    file = write_record(tmp_path, record.model_copy(update={"scores": scored}), predictions)
    assert rescore(file) == read_record(file).scores == scored


def test_metrics_that_a_record_lacks_are_computed_from_its_predictions(
    tmp_path: Path, make_record, predictions
) -> None:
    file = write_record(tmp_path, *recorded(record_values(), predictions))
    said = read_record(file).scores["test"]["accuracy"]
    recall, odd = find_metric("recall:EOS", load_plugins), replace(BUILT_IN["mcc"], name="odd", load=lambda: raises)
    record = with_metrics({file: read_record(file)}, [*STUDY, recall, odd])[file]
    assert record.scores["test"]["accuracy"] == said, "what is on record stays"
    tested = predictions[predictions["split"] == "test"]
    eos = tested[tested["label"] == "EOS"]
    assert record.scores["test"]["recall:EOS"] == pytest.approx((eos["predicted"] == "EOS").mean())
    assert record.scores["test"]["odd"] is None
    assert record.metrics_failed["test"] == {"odd": "raised ValueError: no luck"}
    assert with_metrics({file: record}, [recall]) == {file: record}


def test_without_predictions_a_metric_is_missing(tmp_path: Path, make_record, predictions) -> None:
    file = write_record(tmp_path, *recorded(record_values(), predictions))
    next((tmp_path / "predictions").iterdir()).unlink()
    record = read_record(file)
    assert with_metrics({file: record}, [BUILT_IN["mcc"]]) == {file: record}


def raises(*_: object) -> float:
    raise ValueError("no luck")


def test_train_only_classes_are_left_out_of_the_scores(tmp_path: Path, make_record, predictions) -> None:
    without = predictions[predictions["label"] != "LYA"]
    file = write_record(tmp_path, *recorded(record_values(train_only=["LYA"]), without))
    saved = without.astype({f"p_{label}": "float32" for label in LABELS})
    assert rescore(file, STUDY) == scores_by_split(saved, ["BAS", "EOS"])


def test_a_failed_trial_takes_old_predictions_away(tmp_path: Path, make_record, predictions) -> None:
    write_record(tmp_path, *recorded(record_values(), predictions))
    file = write_record(tmp_path, make_record(f1=None), None)
    assert list((tmp_path / "predictions").iterdir()) == []
    with pytest.raises(UserError, match="has no predictions"):
        rescore(file)


def test_a_record_changed_by_hand_is_refused(tmp_path: Path, make_record, predictions) -> None:
    file = write_record(tmp_path, *recorded(record_values(), predictions))
    file.write_text(file.read_text().replace('"f1_macro": 0.', '"f1_macro": 0.9'))
    with pytest.raises(UserError, match=r"fold0\.json was changed after it was written.*makes it again"):
        read_record(file)


def test_damaged_predictions_are_refused(tmp_path: Path, make_record, predictions) -> None:
    file = write_record(tmp_path, *recorded(record_values(), predictions))
    table = tmp_path / "predictions" / f"{file.stem}.parquet"
    write_record(tmp_path / "other", *recorded(record_values(), predictions.iloc[::-1]))
    table.write_bytes((tmp_path / "other" / "predictions" / table.name).read_bytes())
    with pytest.raises(UserError, match="are damaged"):
        rescore(file)


def test_nan_in_a_curve_does_not_spoil_the_file(tmp_path: Path, make_record) -> None:
    file = write_record(tmp_path, make_record(curves=[{"val_loss": float("nan")}]), None)
    json.loads(file.read_text(), parse_constant=lambda name: pytest.fail(name))
    assert read_record(file).curves == [{"val_loss": None}]


def test_other_keys_of_a_stage_report_are_left_out(make_record, make_values) -> None:
    stage = {**make_values()["stages"][0], "picked": "best.safetensors", "curves": []}
    assert "picked" not in make_record(stages=[stage]).model_dump()["stages"][0]


@pytest.mark.parametrize("trial", ["../up", "a/b", "a b", ".hidden", "a:b", ""])
def test_a_trial_is_a_safe_file_name(make_record, trial: str) -> None:
    with pytest.raises(ValueError, match="trial"):
        make_record(trial=trial)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is no JSON"), ("[]", "schema version"), ('{"schema_version": 2}', "schema version 2")],
)
def test_a_damaged_record_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "bad.json").write_text(text)
    with pytest.raises(UserError, match=rf"bad\.json.*{message}"):
        read_records([tmp_path])


def test_a_missing_key_is_named(tmp_path: Path, make_record) -> None:
    file = write_record(tmp_path, make_record(), None)
    values = json.loads(file.read_text())
    del values["dataset"]["digest"]
    file.write_text(json.dumps(values))
    with pytest.raises(UserError, match=r"dataset\.digest"):
        read_record(file)


def test_folders_of_results_folders_are_read_once(tmp_path: Path, make_record) -> None:
    for name in ("one", "two"):
        write_record(tmp_path / name, make_record(), None)
    assert len(read_records([tmp_path])) == 2
    assert len(read_records([tmp_path, tmp_path / "one"])) == 2


def test_a_folder_without_records_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no records"):
        read_records([tmp_path])
    with pytest.raises(UserError, match="is no folder"):
        read_records([tmp_path / "none"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_among_records_is_refused_by_name_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    os.mkfifo(tmp_path / "records" / "y.json")
    with pytest.raises(UserError, match=r"record .*y\.json cannot be read: it is no file"):
        read_records([tmp_path])
