"""Two distributions of strangers, installed into an environment of their own, and a benchmark with them there."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from layered import Layered

ROOT = Path(__file__).parents[1]
DISTRIBUTIONS = Path(__file__).parent / "third_party"
JITTER = DISTRIBUTIONS / "cytobench-jitter"
LINEAR = DISTRIBUTIONS / "cytobench-linear"
RUN = (
    "cytobench run --generator jitter --generator repeat --classifier linear --classifier random --dataset phantom "
    "--limit 6 --folds 3 --fold 0 --shots 2 --device cpu --synthetic 0 --synthetic 4 --out out --json"
)


def done(environment: Layered, command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command that must succeed there."""
    finished = environment.run(command, folder)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished


@pytest.fixture(scope="module")
def layered() -> type[Layered]:
    """Environments on top of the running one (``benchmarks/layered.py``)."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from layered import Layered

    return Layered


@pytest.fixture(scope="module")
def environment(layered: type[Layered], tmp_path_factory: pytest.TempPathFactory) -> Layered:
    """Both are installed there, from copies: building leaves files beside the source."""
    folder = tmp_path_factory.mktemp("third-party")
    for source in (JITTER, LINEAR):
        shutil.copytree(source, folder / source.name)
    environment = layered(folder)
    done(environment, f"pip install --quiet --no-deps ./{JITTER.name} ./{LINEAR.name}", folder)
    return environment


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, environment: Layered) -> Path:
    """A folder with the results of a run of theirs beside built-in ones."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "leaderboard.json").write_text(done(environment, RUN, folder).stdout)
    return folder


def test_they_know_nothing_of_this_repository_and_the_generator_nothing_of_torch() -> None:
    known = {"cytobench", "cytobench_jitter", "cytobench_linear", "numpy", "PIL", "sklearn", "pydantic", "pathlib"}
    for file in DISTRIBUTIONS.glob("*/**/*.py"):
        tree = ast.parse(file.read_text())
        plain = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        named = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert {name.partition(".")[0] for name in plain + named} <= {*known, "__future__"}
    assert len((JITTER / "cytobench_jitter.py").read_text().splitlines()) < 60


def test_they_are_listed_as_third_party(environment: Layered, place: Path) -> None:
    listed = json.loads(done(environment, "cytobench plugins --json", place).stdout)
    assert listed["problems"] == []
    offers = {offer["name"]: offer for kind in ("generators", "classifiers") for offer in listed[kind]}
    assert (offers["jitter"]["origin"], offers["jitter"]["version"]) == ("cytobench-jitter", "0.3.0")
    assert [offers[name]["built_in"] for name in ("jitter", "linear", "repeat")] == [False, False, True]


@pytest.mark.parametrize(("name", "kind"), [("jitter", "generator"), ("linear", "classifier")])
def test_they_keep_every_rule_of_the_contract(environment: Layered, place: Path, name: str, kind: str) -> None:
    subjects = json.loads(done(environment, f"cytobench plugin check {name} --json", place).stdout)["subjects"]
    assert [subject["kind"] for subject in subjects] == ["plugin", kind]
    left_out = {check["check"] for subject in subjects for check in subject["checks"] if check["status"] == "left out"}
    assert left_out == {"device-memory", "revision"}


def test_they_have_rows_and_records_that_name_them(place: Path) -> None:
    [section] = json.loads((place / "leaderboard.json").read_text())["sections"]
    rows = {row["row"] for row in section["rows"]}
    assert {"none/linear-16px/s0/n0", "jitter/linear-16px/s2/n4", "jitter/random/s2/n4"} <= rows
    [file] = (place / "out" / "records").glob("jitter__linear*.json")
    record = json.loads(file.read_text())
    assert record["generator"]["distribution"] == "cytobench-jitter"
    assert (record["generator"]["version"], record["classifier"]["version"]) == ("0.3.0", "1.1.0")


def test_their_records_are_ranked_where_they_are_not_installed(
    place: Path, layered: type[Layered], tmp_path_factory: pytest.TempPathFactory
) -> None:
    bare = layered(tmp_path_factory.mktemp("bare"))
    listed = json.loads(done(bare, "cytobench plugins --json", place).stdout)
    assert "jitter" not in [offer["name"] for offer in listed["generators"]]
    table = json.loads(done(bare, "cytobench leaderboard out --format json", place).stdout)
    assert table["sections"] == json.loads((place / "leaderboard.json").read_text())["sections"]
