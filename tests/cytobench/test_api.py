"""The Python API: what may be given, what comes out, and that it is what the commands of the same names do."""

from __future__ import annotations

import inspect
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pandas as pd
import pytest

import cytobench
from cytobench import api
from cytobench.api import LeaderboardResult, RunResult
from cytobench.cli import main
from cytobench.config.benchmark import Benchmark, make_benchmark
from cytobench.config.parameters import Names, Numbers, Parameters
from cytobench.errors import UserError, on_the_command_line
from cytobench.storage.records import Record, write_record

RECORDED = Path(__file__).parents[2] / "results" / "pbc-strict-pocket"


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[str, str]:
    with pytest.raises(SystemExit):
        main([str(argument) for argument in arguments])
    written = capsys.readouterr()
    return written.out, written.err


def test_one_or_several_and_a_path_or_a_text(cells: Path, tmp_path: Path) -> None:
    alone = cytobench.run(
        dataset=cells, generator="repeat", classifier="random", synthetic=3, shots=2, fold=0, folds=3,
        preset="pocket", device="cpu", out=str(tmp_path / "alone"), store=str(tmp_path / "store"), limit=None,
    )  # fmt: skip
    several = cytobench.run(
        dataset=str(cells), generator=["repeat"], classifier=("random",), synthetic=[3], shots={2}, fold=range(1),
        folds=3, preset="pocket", device="cpu", out=tmp_path / "several", store=tmp_path / "store",
    )  # fmt: skip
    assert alone.outcome.done == several.outcome.done == ["repeat__random__s2__n3__fold0"]
    recorded = [(tmp_path / name / "benchmark.toml").read_text() for name in ("alone", "several")]
    assert recorded[0] == recorded[1]


def test_none_leaves_what_the_benchmark_says(cells: Path, tmp_path: Path) -> None:
    file = tmp_path / "benchmark.toml"
    values = f'dataset = "{cells}"\nclassifier = "random"\nsynthetic = 0\nlimit = 6\nfolds = 3\npreset = "pocket"\n'
    file.write_text(values + 'device = "cpu"\n')
    planned = cytobench.plan(file, limit=None, classifier=None, seed=7, out=tmp_path / "out")
    assert planned.trials == 3
    assert [count.images for count in planned.classes] == [6, 6, 6]


@pytest.mark.parametrize("value", [True, 1.5, {"a": 1}])
def test_what_is_neither_one_nor_several_is_refused(value: object) -> None:
    with pytest.raises(UserError, match=r"arguments: synthetic"):
        make_benchmark({"synthetic": value}, "arguments")


def test_every_field_of_a_benchmark_may_be_given_by_name() -> None:
    hints = get_type_hints(Parameters)
    fields = {name: field.annotation for name, field in Benchmark.model_fields.items()}
    assert list(hints) == list(fields)
    for name, annotation in fields.items():
        kinds = [annotation, *get_args(annotation)]
        if any(get_origin(kind) is tuple for kind in kinds):
            item = next(get_args(kind)[0] for kind in kinds if get_origin(kind) is tuple)
            assert hints[name] == {str: Names, int: Numbers}[item] | None, name
        else:
            assert hints[name] != Names | None, name


@pytest.mark.parametrize("function", [cytobench.run, cytobench.plan])
def test_the_signature_names_all_that_may_be_given(function: Callable[..., Any]) -> None:
    parameters = inspect.signature(function).parameters
    assert {*Benchmark.model_fields, "benchmark", "out", "store", "prompts_file", "plugins"} <= parameters.keys()
    assert list(parameters)[:2] == ["benchmark", "dataset"]
    assert not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
    with pytest.raises(UserError, match=r"arguments: no such key: classifer\. Did you mean classifier\?"):
        function(classifer="random")


def test_the_table_is_that_of_the_command(small: Callable[..., RunResult], capsys: pytest.CaptureFixture[str]) -> None:
    result = small()
    table = result.to_dataframe()
    written = pd.read_csv(io.StringIO(command(capsys, "leaderboard", result.outcome.out, "--format", "csv")[0]))
    assert list(table) == list(written)
    same = ["row", "split", "metric", "mean", "std", "folds", "best", "complete", "n_synthetic", "dataset_digest"]
    pd.testing.assert_frame_equal(table[same], written[same], check_dtype=False)
    assert all(table[name].dtype == float for name in ("mean", "std", "std_seeds", "seconds", "p_best"))
    assert len(table) == 2 * 2 * 3  # rows, splits, metrics
    again = cytobench.leaderboard(result.outcome.out)
    pd.testing.assert_frame_equal(again.to_dataframe(), table)
    assert len(cytobench.read_records([result.outcome.out])) == len(result.outcome.done) == 6


def test_a_notebook_shows_a_fragment(small: Callable[..., RunResult]) -> None:
    result = small()
    shutil.rmtree(result.outcome.out)
    assert "repeat" in str(result) and "Preset pocket" in repr(result)
    html = result._repr_html_()
    assert "<table" in html and "repeat" in html and "Preset pocket" in html
    for tag in ("<html", "<body", "<!doctype", "<title", "<style", "<script"):
        assert tag not in html.lower()


def test_what_a_notebook_shows_is_escaped(make_record: Callable[..., Record], tmp_path: Path) -> None:
    record = make_record(f1=None)
    named = record.classifier.model_copy(update={"name": "<img src=x onerror=alert(1)>"})
    write_record(tmp_path, record.model_copy(update={"classifier": named}), None)
    html = cytobench.leaderboard(str(tmp_path))._repr_html_()
    assert "<img" not in html and "&lt;img src=x" in html


def test_folders_are_one_or_several(make_record: Callable[..., Record], tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_record(tmp_path / name, make_record(classifier=name, f1=None), None)
    assert len(cytobench.read_records(tmp_path / "a")) == 1
    both = cytobench.leaderboard([str(tmp_path / "a"), tmp_path / "b"])
    assert {row.classifier for section in both.leaderboard.sections for row in section.rows} == {"a", "b"}


def test_the_published_figures_stand_beside() -> None:
    board = cytobench.leaderboard(RECORDED, published=True)
    assert isinstance(board, LeaderboardResult)
    assert "published" in set(board.to_dataframe()["dataset"])


@pytest.mark.parametrize("rows", [(), ("clip", "resnet50")])
def test_comparisons_are_those_of_the_command(rows: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    known = [record.row for record in cytobench.read_records(RECORDED) if record.status == "done"]
    named = [next(row for row in known if f"/{name}" in row) for name in rows]
    options = [text for pair in zip(("--a", "--b"), named, strict=False) for text in pair]
    out, _ = command(capsys, "compare", RECORDED, *options, "--json")
    assert cytobench.compare(RECORDED, *named) == json.loads(out)


def test_scores_are_those_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.DataFrame({"label": list("AABB"), "predicted": list("ABBC"), "mine": 1})
    table.to_csv(tmp_path / "p.csv", index=False)
    out, err = command(capsys, "score", tmp_path / "p.csv", "--json")
    for given in (table, tmp_path / "p.csv", str(tmp_path / "p.csv")):
        with pytest.warns(UserWarning) as noted:
            assert cytobench.score(given) == json.loads(out)
        assert err.splitlines() == [f"Note: {note.message}" for note in noted]
    assert list(table) == ["label", "predicted", "mine"], "the caller's own is left as it is"
    with pytest.raises(UserError, match="predictions has no column predicted"):
        cytobench.score(table[["label"]])


def test_fidelity_is_that_of_the_command(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with on_the_command_line():  # reasons are worded for the caller
        found = cytobench.fidelity(str(cells), cells, device="cpu", seed=1)
    options = ["--real", cells, "--synthetic", cells, "--device", "cpu", "--seed", 1, "--json"]
    assert json.loads(json.dumps(found)) == json.loads(command(capsys, "fidelity", *options)[0])



@pytest.mark.parametrize(
    ("values", "options", "python", "command_line"),
    [
        ({"generator": "repeat", "shots": 0}, ["--generator", "repeat", "--shots", 0], "shots=0", "--shots 0"),
        ({"classifier": None}, [], "Add classifier='NAME'", "Add --classifier NAME"),
        ({"limit": 0}, ["--limit", 0], "arguments: limit = 0", "options: limit = 0"),
        ({"merge": "A"}, ["--merge", "A"], "for example merge='PMB,PMO", "for example --merge PMB,PMO"),
        ({"protocol": "strct"}, ["--protocol", "strct"], "protocol='strct': no", "--protocol strct: no"),
        ({"select": "frist"}, ["--select", "frist"], "select='frist': no such", "--select frist: no such"),
        ({"folds": 13}, ["--folds", 13], "folds=12, or train_only='A'", "--folds 12, or --train-only A"),
        ({"set": {"random": {"x": 1}}}, ["--set", "random.x=1"], "set={'random': {'x': ...}}:", "--set random.x:"),
        ({"prompts_file": "none.toml"}, ["--prompts", "none.toml"], "prompts_file='none.toml'", "--prompts none.toml"),
    ],
)  # fmt: skip
def test_messages_name_parameters_here_and_options_there(
    values: dict[str, Any], options: list[object], python: str, command_line: str, cells: Path,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    given = {"dataset": cells, "classifier": "random", "preset": "pocket", "device": "cpu", **values}
    with pytest.raises(UserError) as refused:
        cytobench.run(**given)
    assert python in str(refused.value) and "--" not in str(refused.value)
    classifier = ["--classifier", "random"] if given["classifier"] else []
    _, err = command(capsys, "run", "--dataset", cells, "--preset", "pocket", "--device", "cpu", *classifier, *options)
    assert command_line in err and python not in err


def test_what_there_is_is_listed() -> None:
    assert dir(cytobench) == sorted(cytobench.__all__)
    for name in cytobench.__all__:
        assert inspect.getdoc(getattr(cytobench, name)), name
    assert cytobench.run is api.run
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        cytobench.runn  # noqa: B018


def test_importing_it_is_quick() -> None:
    program = "import sys, cytobench; print(sorted({'torch', 'pandas', 'numpy', 'click'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_package_is_the_command() -> None:
    for arguments, begins in ((["--version"], "cytobench, version"), (["run", "--nope"], "Usage: cytobench run")):
        done = subprocess.run([sys.executable, "-m", "cytobench", *arguments], capture_output=True, text=True)
        assert (done.stdout + done.stderr).startswith(begins)
