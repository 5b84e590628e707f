"""A declared analysis through a run: in records, in no key, never changed after results. Groups in predictions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cytobench.analysis.comparison.candidates import find_pair
from cytobench.analysis.comparison.pair import compare
from cytobench.analysis.results import read_candidates
from cytobench.api import RunResult, run
from cytobench.config.benchmark import Analysis, read_benchmark
from cytobench.errors import UserError
from cytobench.metrics.built_in import OF_ALL_CLASSES
from cytobench.storage.records import read_records

A, B = "repeat/random/s2/n3", "none/random/s0/n0"
Run = Callable[..., RunResult]


@pytest.fixture
def grouped(cells: Path) -> str:
    """A manifest of the noise cells, two of a patient; the last two of each class are of none."""
    rows = [
        f"cells/{'ABC'[i // 12]}/{i % 12:02d}.png,{'ABC'[i // 12]},{'patient ' + str(i // 2) if i % 12 < 10 else ''}"
        for i in range(36)
    ]
    manifest = cells.parent / "grouped.csv"
    manifest.write_text("\n".join(["path,label,group", *rows]))
    return str(manifest)


def test_what_is_declared_is_in_every_record_and_in_no_key(small: Run, tmp_path: Path) -> None:
    small(fold=[0])
    declared = {"metric": "accuracy", "reference": B, "comparisons": ["repeat/*"], "baselines": ["none/*"]}
    small(fold=[0], analysis=declared, out=tmp_path / "other")
    plain, other = read_records([tmp_path / "out"]), read_records([tmp_path / "other"])
    assert [record.benchmark["analysis"] for record in other] == [declared] * 2
    assert [record.benchmark["analysis"] for record in plain] == [Analysis().model_dump(mode="json")] * 2
    assert [record.key for record in plain] == [record.key for record in other]


def test_another_analysis_after_the_results_is_refused_and_none_keeps_the_old_one(small: Run, tmp_path: Path) -> None:
    declared = {"metric": "accuracy", "comparisons": ["repeat/*"]}
    small(fold=[0], analysis=declared)
    with pytest.raises(UserError, match=r"after the results is no declaration. Give another folder"):
        small(fold=[0, 1], analysis={"metric": "auc_macro"})
    small(fold=[0, 1], generator=[], synthetic=[0])
    assert read_benchmark(tmp_path / "out/benchmark.toml").analysis == Analysis(**declared)
    assert len(read_records([tmp_path / "out"])) == 3


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("f1", "analysis.metric = 'f1': this metric is of one class. Write f1:LABEL."),
        ("acuracy", "analysis.metric = 'acuracy': no such metric. Did you mean accuracy?"),
        ("recall:a", "analysis.metric = 'recall:a': there is no class a. Did you mean A? Classes that count: A, B, C."),
    ],
)
def test_a_metric_that_there_is_not_is_refused_before_any_work(
    small: Run, tmp_path: Path, metric: str, message: str
) -> None:
    with pytest.raises(UserError) as raised:
        small(fold=[0], analysis={"metric": metric})
    assert str(raised.value).startswith(message)
    assert not (tmp_path / "out").exists()


def test_records_keep_every_metric_of_all_classes(small: Run, tmp_path: Path) -> None:
    small(fold=[0], analysis={"metric": "recall:A"})
    for record in read_records([tmp_path / "out"]):
        assert set(record.scores["test"]) == {metric.name for metric in OF_ALL_CLASSES}
        assert record.metrics_failed == record.metrics == {}


def test_baselines_named_after_the_results_are_refused(small: Run) -> None:
    small(fold=[0])
    with pytest.raises(UserError, match=r"f1_macro, \* against none/\*/s0/n0\); what is declared after"):
        small(fold=[0], analysis={"baselines": ["none/*"]})


def test_before_there_are_results_it_may_change(small: Run, tmp_path: Path) -> None:
    small(fold=[0])
    for file in (tmp_path / "out/records").iterdir():
        file.unlink()
    small(fold=[0], analysis={"metric": "accuracy"})
    assert read_benchmark(tmp_path / "out/benchmark.toml").analysis.metric == "accuracy"


def test_the_resolved_run_runs_again_where_the_default_has_no_reference(small: Run, tmp_path: Path) -> None:
    small(fold=[0], synthetic=[3])
    run(tmp_path / "out/benchmark.toml", out=tmp_path / "again")
    assert len(read_records([tmp_path / "again"])) == 1


def test_a_declaration_that_fits_no_row_is_refused_before_any_work(small: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'repeat/clip/\*' fits no row of this run. .*Rows: none/random/s0/n0"):
        small(analysis={"comparisons": ["repeat/clip/*"]})
    assert not (tmp_path / "out").exists()


def test_a_baseline_that_fits_no_row_is_refused_before_any_work(small: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"baselines: 'none/randm/s0/n0' fits no row .*Did you mean none/random/"):
        small(analysis={"baselines": ["none/randm/s0/n0"]})
    assert not (tmp_path / "out").exists()


def test_predictions_of_grouped_data_number_the_groups_and_name_no_patient(
    small: Run, grouped: str, tmp_path: Path
) -> None:
    small(dataset=grouped)
    for file in (tmp_path / "out/predictions").iterdir():
        table = pd.read_parquet(file)
        assert list(table.columns)[-2:] == ["p_C", "group"]
        number = table["path"].str[-6:-4].astype(int)
        assert (table["group"].isna() == (number >= 10)).all()
        assert not table.astype(str).apply(lambda column: column.str.contains("patient")).any().any()
        pairs = table[number < 10].groupby("group")["path"].agg(lambda paths: sorted(path[:-5] for path in paths))
        assert all(len(set(names)) == 1 and len(names) == 2 for names in pairs)
    a, b = find_pair(sections := read_candidates([tmp_path / "out"]), A, B)
    found = compare(a, b, sections[0])
    assert (found.n_images, found.n_groups) == (36, 15 + 6)


def test_predictions_of_data_without_groups_have_no_such_column(small: Run, tmp_path: Path) -> None:
    small(fold=[0])
    for file in (tmp_path / "out/predictions").iterdir():
        expected = ["path", "split", "label", "predicted", "synthetic", "p_A", "p_B", "p_C"]
        assert list(pd.read_parquet(file).columns) == expected
