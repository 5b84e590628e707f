"""Running benchmarks through the Python API: records, going on, and what is done again."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from cytobench.api import RunResult, run
from cytobench.config.benchmark import read_benchmark
from cytobench.contract import hookimpl
from cytobench.errors import UserError
from cytobench.pipeline.progress import QuietDisplay
from cytobench.plugins import load_plugins
from cytobench.storage.records import read_record

from ..noise import noise

Run = Callable[..., RunResult]


def contents(folder: Path, pattern: str = "**/*") -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }


def scores(out: Path) -> dict[str, Any]:
    return {path.stem: read_record(path).scores for path in sorted((out / "records").glob("*.json"))}


def test_every_trial_leaves_a_record_and_n_0_has_no_shots(small: Run, tmp_path: Path) -> None:
    result = small(synthetic=[0, 3, 9], shots=[2, 4])
    rows = ["none/random/s0/n0"] + [f"repeat/random/s{k}/n{n}" for k in (2, 4) for n in (3, 9)]
    names = sorted(f"{row.replace('/', '__')}__fold{fold}" for row in rows for fold in range(3))
    assert sorted(result.outcome.done) == names
    assert sorted(scores(tmp_path / "out")) == names
    record = read_record(tmp_path / "out" / "records" / "repeat__random__s4__n9__fold1.json")
    assert (record.row, record.shots, record.n_synthetic) == ("repeat/random/s4/n9", 4, 9)
    assert record.shots_used == {"A": 4, "B": 4, "C": 4}
    assert record.splits == {part: {"A": 4, "B": 4, "C": 4} for part in ("train", "validation", "test")}
    assert record.generator is not None
    assert record.generator.distribution == "cytobench"
    assert record.classifier.ran is not None
    assert {stage.kind for stage in record.stages} == {"fit", "sample", "copies", "train", "predict"}
    baseline = read_record(tmp_path / "out" / "records" / "none__random__s0__n0__fold1.json")
    assert baseline.generator is None
    assert baseline.shots_used == {}
    assert {stage.kind for stage in baseline.stages} == {"train", "predict"}
    [section] = result.leaderboard.sections
    assert len(section.rows) == len(rows)


def test_a_second_call_does_nothing(small: Run, tmp_path: Path) -> None:
    first = small()
    before = {
        path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("[rps]*/**/*") if path.is_file()
    }
    second = small()
    assert second.outcome.done == []
    assert sorted(second.outcome.reused) == sorted(first.outcome.done)
    after = {
        path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("[rps]*/**/*") if path.is_file()
    }
    assert after == before


def test_records_stay_valid_without_the_store(small: Run, tmp_path: Path) -> None:
    small()
    shutil.rmtree(tmp_path / "out" / "store")
    result = small()
    assert result.outcome.done == []
    assert len(result.outcome.reused) == 6
    assert not (tmp_path / "out" / "store").exists()


def test_the_grid_may_grow_and_only_the_new_trials_run(small: Run) -> None:
    small(synthetic=[0])
    result = small(synthetic=[0, 3])
    assert sorted(result.outcome.done) == [f"repeat__random__s2__n3__fold{i}" for i in range(3)]


def test_repeats_run_the_whole_protocol_with_seeds_of_their_own(small: Run, tmp_path: Path) -> None:
    first = small(synthetic=[3], fold=[0])
    result = small(synthetic=[3], fold=[0], repeats=3)
    assert result.outcome.reused == first.outcome.done == ["repeat__random__s2__n3__fold0"]
    assert result.outcome.done == [f"repeat__random__s2__n3__fold0__repeat{r}" for r in (1, 2)]
    names = first.outcome.done + result.outcome.done
    records = [read_record(tmp_path / "out" / "records" / f"{name}.json") for name in names]
    assert [record.seed for record in records] == [42, 43, 44]
    assert len({stage.key for record in records for stage in record.stages if stage.kind == "fit"}) == 9
    tables = [pd.read_parquet(tmp_path / "out" / "predictions" / f"{name}.parquet") for name in names]
    assert len({frozenset(table[table["split"] == "test"]["path"]) for table in tables}) == 3
    [row] = result.leaderboard.sections[0].rows
    assert row.aggregates["test", "f1_macro"].seeds == 3
    alone = small(synthetic=[3], fold=[0], seed=44, out=tmp_path / "alone")
    assert alone.outcome.done == first.outcome.done
    assert scores(tmp_path / "alone")[names[0]] == scores(tmp_path / "out")[names[2]]


@pytest.mark.parametrize("kind", ["fit", "sample", "train", "predict"])
def test_ctrl_c_in_any_stage_loses_that_stage_alone(small: Run, tmp_path: Path, kind: str) -> None:
    small(out=tmp_path / "whole", synthetic=[3])

    class Impatient(QuietDisplay):
        seen = 0

        def started(self, text: str) -> None:
            self.seen += f": {kind} " in text
            if self.seen == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small(synthetic=[3], display=Impatient())
    kept = contents(tmp_path / "out" / "store")
    assert len(contents(tmp_path / "out", "records/*")) == {"fit": 0, "sample": 1, "train": 1, "predict": 1}[kind]
    small(synthetic=[3])
    assert kept.items() <= contents(tmp_path / "out" / "store").items()
    assert scores(tmp_path / "out") == scores(tmp_path / "whole")
    assert not list((tmp_path / "out").rglob(".*"))


def test_classes_are_shown_in_every_fold_before_the_first_stage(small: Run) -> None:
    shown: list[str] = []

    class Recorded(QuietDisplay):
        def message(self, text: str) -> None:
            shown.append(text)

        def started(self, text: str) -> None:
            shown.append(text)

    small(synthetic=[0], display=Recorded())
    assert shown[0].split() == ["class", "images", "shots", "fold", "0", "fold", "1", "fold", "2"]
    assert shown[1].split() == ["A", "12", "-", "4/4/4", "4/4/4", "4/4/4"]
    assert "stage 1/" in shown[5]


def test_more_images_keep_the_ones_that_are_there(small: Run, tmp_path: Path) -> None:
    small(synthetic=[3])
    before = contents(tmp_path / "out" / "store" / "images", "**/*.parquet")
    small(synthetic=[3, 12])
    after = contents(tmp_path / "out" / "store" / "images", "**/*.parquet")
    assert len(after) == 2 * len(before) == 18
    assert before.items() <= after.items()


def test_a_changed_pixel_is_noticed(small: Run, cells: Path, tmp_path: Path) -> None:
    """Every fold trains, validates or tests with this image, so that every trial is done again."""
    small(synthetic=[0])
    file = cells / "B" / "05.png"
    pixels = np.asarray(Image.open(file)).copy()
    pixels[3, 4, 1] ^= 1
    Image.fromarray(pixels).save(file)
    result = small(synthetic=[0])
    assert len(result.outcome.done) == 3
    assert result.outcome.reused == []


def test_a_renamed_file_or_other_compression_changes_nothing(small: Run, cells: Path) -> None:
    """Only pixels and labels count."""
    small(synthetic=[0])
    file = cells / "B" / "05.png"
    Image.open(file).save(file, compress_level=0)
    assert small(synthetic=[0]).outcome.done == []


def test_the_same_seed_gives_the_same_images_and_scores(small: Run, tmp_path: Path) -> None:
    for name in ("one", "two"):
        small(out=tmp_path / name)
    small(out=tmp_path / "other", seed=7)
    images = [
        contents(tmp_path / name / "store" / "images", "**/*.parquet") for name in ("one", "two", "other")
    ]
    assert images[0] == images[1]
    assert len(images[0]) == 9
    assert set(images[0].values()) != set(images[2].values())
    assert scores(tmp_path / "one") == scores(tmp_path / "two")
    assert scores(tmp_path / "one") != scores(tmp_path / "other")
    tables = [
        pd.read_parquet(tmp_path / name / "predictions" / "none__random__s0__n0__fold0.parquet")
        for name in ("one", "two")
    ]
    pd.testing.assert_frame_equal(*tables)


def test_scores_are_those_of_scikit_learn_on_the_saved_predictions(small: Run, tmp_path: Path) -> None:
    small(synthetic=[0])
    for file in (tmp_path / "out" / "records").glob("*.json"):
        record = read_record(file)
        assert record.predictions is not None
        table = pd.read_parquet(file.parent / record.predictions)
        for split in ("validation", "test"):
            part = table[table["split"] == split]
            probabilities = part[["p_A", "p_B", "p_C"]].to_numpy(np.float64)
            probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
            expected = {
                "accuracy": accuracy_score(part["label"], part["predicted"]),
                "f1_macro": f1_score(part["label"], part["predicted"], average="macro"),
                "auc_macro": roc_auc_score(part["label"], probabilities, multi_class="ovr", average="macro"),
            }
            scores = {metric: record.scores[split][metric] for metric in expected}
            assert scores == pytest.approx(expected, abs=1e-6)


def test_predictions_cover_the_evaluation_images_once_and_only_real_ones(small: Run, tmp_path: Path) -> None:
    small()
    tested: list[str] = []
    for fold in range(3):
        table = pd.read_parquet(
            tmp_path / "out" / "predictions" / f"repeat__random__s2__n3__fold{fold}.parquet"
        )
        assert not table["synthetic"].any()
        assert np.allclose(table[["p_A", "p_B", "p_C"]].sum(axis=1), 1, atol=1e-5)
        tested += list(table[table["split"] == "test"]["path"])
    assert sorted(tested) == sorted(f"{label}/{i:02d}.png" for label in "ABC" for i in range(12))


def test_repeat_hands_back_shots_of_the_training_part(small: Run, cells: Path, tmp_path: Path) -> None:
    """No synthetic image of a fold may be a copy of one of its validation or test images."""
    from cytobench.decode import decode_image, pixel_digest

    small(synthetic=[3], fold=[0])
    made = {
        digest
        for shard in (tmp_path / "out" / "store" / "images").rglob("*.parquet")
        for digest in pd.read_parquet(shard, columns=["digest"])["digest"]
    }
    table = pd.read_parquet(tmp_path / "out" / "predictions" / "repeat__random__s2__n3__fold0.parquet")
    held_out = {pixel_digest(decode_image(cells / path)) for path in table["path"]}
    everything = {pixel_digest(decode_image(path)) for path in cells.rglob("*.png")}
    assert len(made) == 6
    assert made <= everything - held_out


def test_a_failing_generator_leaves_records_and_the_others_go_on(
    small: Run, cells: Path, tmp_path: Path
) -> None:
    few = tmp_path / "few"
    for label in "ABC":
        noise(few / label / "0.png", 99)
    result = small(generator=["folder", "repeat"], set={"folder": {"path": str(few)}})
    failed = [f"folder__random__s0__n3__fold{fold}" for fold in range(3)]
    assert sorted(result.outcome.failed) == failed
    assert len(result.outcome.done) == 6
    record = read_record(tmp_path / "out" / "records" / f"{failed[0]}.json")
    assert record.status == "failed"
    assert record.scores == {}
    assert record.error is not None
    assert record.error.type == "UserError"
    assert "holds 1 images" in record.error.message
    assert "Traceback (most recent call last)" in (record.error.traceback or "")
    for label in "ABC":
        for i in range(16):
            noise(few / label / f"{i}.png", 100 + i)
    again = small(generator=["folder", "repeat"], set={"folder": {"path": str(few)}})
    assert sorted(again.outcome.done) == failed
    assert again.outcome.failed == {}
    assert read_record(tmp_path / "out" / "records" / f"{failed[0]}.json").status == "done"


def test_damaged_files_are_made_again(small: Run, tmp_path: Path) -> None:
    small()
    before = scores(tmp_path / "out")
    records = sorted((tmp_path / "out" / "records").glob("repeat*.json"))
    records[0].write_text("{")
    (tmp_path / "out" / "predictions" / records[1].with_suffix(".parquet").name).unlink()
    for shard in (tmp_path / "out" / "store" / "images").rglob("*.parquet"):
        shard.write_bytes(shard.read_bytes()[:-7])
    for kind in ("train", "fit"):
        for file in (tmp_path / "out" / "store" / kind).rglob("*"):
            if file.is_file() and file.name != "stage.json":
                file.write_bytes(b"damaged")
    result = small()
    assert sorted(result.outcome.done) == [path.stem for path in records[:2]]
    assert scores(tmp_path / "out") == before


def test_other_settings_in_the_same_folder_are_refused(small: Run, tmp_path: Path) -> None:
    small(synthetic=[0])
    before = contents(tmp_path / "out")
    with pytest.raises(UserError, match=r"holds a run with other settings: seed differ.*another folder with out"):
        small(synthetic=[0], seed=1)
    with pytest.raises(UserError, match="folds"):
        small(synthetic=[0], folds=4)
    assert contents(tmp_path / "out") == before


def test_the_resolved_benchmark_runs_again(small: Run, tmp_path: Path) -> None:
    result = small()
    file = tmp_path / "out" / "benchmark.toml"
    text = file.read_text()
    again = run(file, out=tmp_path / "out")
    assert again.outcome.done == []
    assert file.read_text() == text
    fresh = run(file, out=tmp_path / "fresh")
    assert sorted(fresh.outcome.done) == sorted(result.outcome.done)
    assert scores(tmp_path / "fresh") == scores(tmp_path / "out")
    assert read_benchmark(tmp_path / "fresh" / "benchmark.toml") == read_benchmark(file)


def test_two_processes_give_the_same_as_one(small: Run, tmp_path: Path) -> None:
    small(out=tmp_path / "serial")
    few = tmp_path / "few"
    for label in "ABC":
        noise(few / label / "0.png", 99)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        result = small(
            out=tmp_path / "parallel",
            generator=["repeat", "folder"],
            set={"folder": {"path": str(few)}},
            executor=pool,
            jobs=2,
        )
    assert len(result.outcome.done) == 6
    assert len(result.outcome.failed) == 3, "an error crosses the process and stays with its trials"
    assert "holds 1 images" in next(iter(result.outcome.failed.values()))
    done = {name: found for name, found in scores(tmp_path / "parallel").items() if found}
    assert done == scores(tmp_path / "serial")
    images = [
        contents(tmp_path / name / "store" / "images", "**/*.parquet") for name in ("serial", "parallel")
    ]
    assert images[0].items() <= images[1].items()  # the folder has one more image a class


def test_observers_see_the_run_and_cannot_change_it(small: Run, tmp_path: Path, caplog) -> None:
    small(out=tmp_path / "alone")

    class Observer:
        def __init__(self) -> None:
            self.seen: list[str] = []

        @hookimpl
        def cytobench_run_started(self, run: dict[str, Any]) -> None:
            self.seen.append("started")
            run.clear()

        @hookimpl
        def cytobench_trial_finished(self, record: dict[str, Any]) -> None:
            self.seen.append(record["trial"])
            record["scores"] = {}
            raise RuntimeError("angry")

        @hookimpl
        def cytobench_run_finished(self, out: Path, failed: int) -> None:
            self.seen.append(f"finished with {failed} failed in {out.name}")

    plugins, observer = load_plugins(), Observer()
    plugins.manager.register(observer, "watcher")
    with caplog.at_level(logging.WARNING, "cytobench"):
        result = small(plugins=plugins)
    assert observer.seen == ["started", *result.outcome.done, "finished with 0 failed in out"]
    assert "watcher: cytobench_trial_finished raised RuntimeError: angry" in caplog.text
    assert result.outcome.failed == {}
    assert scores(tmp_path / "out") == scores(tmp_path / "alone")


def test_curves_are_over_the_classes_that_scores_are_over(small: Run, cells: Path, tmp_path: Path) -> None:
    for number, file in enumerate(sorted(cells.rglob("*.png"))):
        shade = {"A": 30, "B": 130, "C": 230}[file.parent.name] + number % 12
        Image.new("RGB", (24, 24), (shade, shade, shade)).save(file)
    tiny = {"model": "lcnet_035", "resolution": 32, "epochs": 6, "warmup_epochs": 1, "batch_size": 8, "augment": False}
    small(synthetic=[0], train_only=["C"], classifier=["timm"], set={"timm": {**tiny, "lr": 3e-3}}, fold=[0])
    (file,) = (tmp_path / "out" / "records").glob("*.json")
    record = read_record(file)
    best = max(epoch["val_f1_macro"] for epoch in record.curves)
    assert best == pytest.approx(record.scores["validation"]["f1_macro"]) and best > 0


def test_train_only_classes_train_and_are_left_out_of_scores(small: Run, tmp_path: Path) -> None:
    small(synthetic=[0], train_only=["C"])
    record = read_record(tmp_path / "out" / "records" / "none__random__s0__n0__fold0.json")
    assert record.train_only == ("C",)
    assert record.splits["train"] == {"A": 4, "B": 4, "C": 12}
    assert record.splits["test"] == {"A": 4, "B": 4, "C": 0}


def test_merged_classes_are_one_and_every_table_says_so(small: Run, tmp_path: Path) -> None:
    result = small(synthetic=[0], merge=["A,B=AB"])
    record = read_record(tmp_path / "out" / "records" / "none__random__s0__n0__fold0.json")
    assert record.dataset.classes == {"AB": 24, "C": 12}
    assert "Classes taken as one: A,B=AB." in result.leaderboard.sections[0].notes
    with pytest.raises(UserError, match="merge, prompts differ"):
        small(synthetic=[0])


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("A,B", "write A,B=NAME"), ("A,A=X", "at least two different"), ("A,B=C", "another class is called C"),
        ("A,D=X", "'D' is no class"), ("A,B=../x", "must not begin with"), ("A,B=", "label is empty"),
    ],
)  # fmt: skip
def test_a_merge_that_makes_no_sense_is_named(small: Run, wanted: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        small(synthetic=[0], merge=[wanted])


def test_limit_keeps_the_first_images_and_is_recorded(small: Run, tmp_path: Path) -> None:
    small(synthetic=[0], limit=6)
    record = read_record(tmp_path / "out" / "records" / "none__random__s0__n0__fold0.json")
    assert record.dataset.limit == 6
    assert record.dataset.classes == {"A": 6, "B": 6, "C": 6}


def test_failures_of_a_record_are_plain_json(small: Run, tmp_path: Path) -> None:
    small(synthetic=[0])
    for file in (tmp_path / "out" / "records").glob("*.json"):
        json.loads(file.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
