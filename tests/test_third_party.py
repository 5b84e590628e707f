"""Two distributions of strangers, installed into an environment of their own, and a benchmark with them there."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path

import pytest

from .environment import Environment, make_environment

DISTRIBUTIONS = Path(__file__).parent / "third_party"
JITTER = DISTRIBUTIONS / "cytobench-jitter"
LINEAR = DISTRIBUTIONS / "cytobench-linear"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Both are installed there, from copies: building leaves files beside the source."""
    folder = tmp_path_factory.mktemp("third-party")
    sources = [shutil.copytree(source, folder / source.name) for source in (JITTER, LINEAR)]
    made = make_environment(folder / "venv")
    made.install(*sources)
    return made


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, environment: Environment) -> Path:
    """A folder with the results of a run of theirs beside built-in ones."""
    folder = tmp_path_factory.mktemp("place")
    done = environment.cytobench(
        *("run", "--generator", "jitter", "--generator", "repeat", "--classifier", "linear", "--classifier", "random"),
        *("--dataset", "phantom", "--limit", "6", "--folds", "3", "--fold", "0", "--shots", "2", "--device", "cpu"),
        *("--synthetic", "0", "--synthetic", "4", "--out", "out", "--json"),
        folder=folder,
        CYTOBENCH_CACHE=str(folder / "cache"),
        CYTOBENCH_IN_PROCESS="",
    )
    assert done.returncode == 0, done.stderr
    (folder / "leaderboard.json").write_text(done.stdout)
    return folder


def test_they_know_nothing_of_this_repository_and_the_generator_nothing_of_torch() -> None:
    own = {"cytobench", "cytobench_jitter", "cytobench_linear", "numpy", "PIL", "sklearn", "pydantic", "pathlib"}
    for file in DISTRIBUTIONS.glob("*/**/*.py"):
        tree = ast.parse(file.read_text())
        plain = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        named = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert {name.partition(".")[0] for name in plain + named} <= {*own, "__future__"}
    assert len((JITTER / "cytobench_jitter.py").read_text().splitlines()) < 60


def test_they_are_listed_as_third_party(environment: Environment, place: Path) -> None:
    listed = json.loads(environment.cytobench("plugins", "--json", folder=place).stdout)
    assert listed["problems"] == []
    found = {one["name"]: one for kind in ("generators", "classifiers") for one in listed[kind]}
    assert (found["jitter"]["origin"], found["jitter"]["version"]) == ("cytobench-jitter", "0.3.0")
    assert [found[name]["built_in"] for name in ("jitter", "linear", "repeat")] == [False, False, True]


@pytest.mark.parametrize(("name", "kind"), [("jitter", "generator"), ("linear", "classifier")])
def test_they_keep_every_rule_of_the_contract(environment: Environment, place: Path, name: str, kind: str) -> None:
    done = environment.cytobench("plugin", "check", name, "--json", folder=place, CYTOBENCH_CACHE=str(place / "cache"))
    subjects = json.loads(done.stdout)["subjects"]
    assert done.returncode == 0, done.stdout
    assert [subject["kind"] for subject in subjects] == ["plugin", kind]
    left_out = {one["check"] for subject in subjects for one in subject["checks"] if one["status"] == "left out"}
    assert left_out == {"device-memory", "revision"}


def test_they_have_rows_and_records_that_name_them(place: Path) -> None:
    [section] = json.loads((place / "leaderboard.json").read_text())["sections"]
    rows = {row["row"] for row in section["rows"]}
    assert {"none/linear-16px/s0/n0", "jitter/linear-16px/s2/n4", "jitter/random/s2/n4"} <= rows
    [file] = (place / "out" / "records").glob("jitter__linear*.json")
    record = json.loads(file.read_text())
    assert record["generator"]["distribution"] == "cytobench-jitter"
    assert (record["generator"]["version"], record["classifier"]["version"]) == ("0.3.0", "1.1.0")


def test_their_records_are_ranked_after_they_were_uninstalled(
    place: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bare = make_environment(tmp_path_factory.mktemp("bare") / "venv")
    listed = bare.cytobench("plugins", "--json", folder=place).stdout
    assert "jitter" not in [one["name"] for one in json.loads(listed)["generators"]]
    table = bare.cytobench("leaderboard", "out", "--format", "json", folder=place)
    assert table.returncode == 0, table.stderr
    assert json.loads(table.stdout)["sections"] == json.loads((place / "leaderboard.json").read_text())["sections"]
