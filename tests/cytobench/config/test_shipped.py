"""The shipped benchmarks: found by name, what they declare, pairs that differ in nothing but soundness, small runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cytobench.analysis.comparison.declared import Named, check_declaration, family
from cytobench.api import plan, run
from cytobench.cli import main
from cytobench.config.benchmark import read_benchmark
from cytobench.config.resolve import resolve
from cytobench.config.shipped import find_benchmark, shipped_benchmarks
from cytobench.pipeline.plan import make_planner
from cytobench.plugins import load_plugins
from cytobench.storage.records import read_record

ROOT = Path(__file__).parents[3]
FIFTEEN = [0, *range(100, 1001, 100), 2000, 3000, 4000, 5000]
RESNETS = ["resnet50-lr1e-4", "resnet50-lr1e-3"]
ROWS = {"table-s1": 6, "table-s2": 45, "table-s3": 15, "balanced": 9, "shots": 6, "fig-s8": 1}
"""Rows of each table of the study and of its twin, at every scale."""
SOUND = [f"{name}-strict" for name in ROWS]
TINY = {"plugin": "timm", "model": "test_resnet", "resolution": 32, "epochs": 1, "batch_size": 16}
"""What stands for a ResNet-50 in small runs, at the learning rate declared for it."""


def declared(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / "benchmarks" / f"{name}.toml").read_text())


def cut(name: str, cells: Path, out: Path, **changes: Any) -> dict[str, Any]:
    """Arguments that cut a shipped benchmark to the copies of two shots, and to tiny trainings on one fold of noise."""
    variants = declared(name).get("variants", {})
    values = {
        "benchmark": name, "dataset": str(cells), "preset": "pocket", "folds": 3, "fold": [0], "device": "cpu",
        "generator": ["repeat"], "shots": [2], "analysis": {}, "out": out,
        "variants": {one: {**TINY, "lr": variants[one]["lr"]} for one in variants},
    }  # fmt: skip
    return values | changes


def test_every_file_is_found_by_its_name() -> None:
    files = list((ROOT / "benchmarks").glob("*.toml"))
    assert [*shipped_benchmarks()] == sorted(file.stem for file in files)
    assert {"demo", "baselines", *ROWS, *SOUND} <= {file.stem for file in files}
    for file in files:
        assert find_benchmark(file.stem).samefile(file)


def test_a_file_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("demo").write_text('classifier = ["random"]')
    assert find_benchmark("demo") == Path("demo")
    Path("demo").unlink()
    Path("demo").mkdir()
    assert find_benchmark("demo") == shipped_benchmarks()["demo"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "tabel-s2"], ["tabel-s2: no such file, and no benchmark", "Did you mean table-s2?", "Known:", "demo"]),
        (["run", "nothing-like-it"], ["nothing-like-it", "Known: balanced, balanced-strict, baselines, colour-"]),
        (["run", "benchmarks/table-s2.toml"], ["benchmarks/table-s2.toml: no such file", "is called table-s2"]),
        (["run", "else/table-s2"], ["else/table-s2: No such file"]),
        (["assets", "fetch", "demmo"], ["demmo: no such file", "Did you mean demo?"]),
        (["assets", "verify", "demo"], ["there is no lock file demo.assets.json"]),
    ],
)
def test_a_wrong_name_is_told_with_the_right_ones(
    arguments: list[str], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert all(word in said for word in words), said
    assert not list(tmp_path.iterdir())


def test_help_lists_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    said = capsys.readouterr().out.replace("\n", " ")
    assert all(name in said for name in shipped_benchmarks())


def test_assets_of_a_name_are_fetched_for_other_data_and_locked_here(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("fetch", "verify"):
        with pytest.raises(SystemExit) as ended:
            main(["assets", command, "table-s3", "--dataset", "cells", "--preset", "pocket"])
        assert ended.value.code == 0, capsys.readouterr().err
    assert Path("table-s3.assets.json").is_file()
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines() if line.startswith("ok")] == [
        ["ok", "sd21-lora.weights"], ["ok", "clip.weights"], ["ok", "dataset"]
    ]  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        main(["assets", "fetch", "table-s3", "--dataset", "cels"])
    assert ended.value.code == 2 and "cels" in capsys.readouterr().err


def test_a_wheel_made_from_the_source_archive_has_them(cells: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in ("cytobench", "plugins", "benchmarks"):
        ignore = shutil.ignore_patterns("*.safetensors", "__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = "from setuptools import build_meta; build_meta.build_{}('.')"
    done = python(build.format("sdist"), source)
    if "No module named 'setuptools'" in done.stderr:
        pytest.skip("setuptools is not installed here")
    assert done.returncode == 0, done.stderr
    with tarfile.open(next(source.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = next(tmp_path.glob("cytobench-*"))
    done = python(build.format("wheel"), unpacked)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(unpacked.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "installed")
        assert not [name for name in wheel.namelist() if name.startswith("benchmarks/")]
    shutil.rmtree(source)
    shutil.rmtree(unpacked)
    program = "import cytobench, sys; sys.stderr.write(cytobench.__file__); from cytobench.cli import main; main()"
    options = ["--generator", "repeat", "--classifier", "random", "--dataset", str(cells), "--preset", "pocket"]
    line = ["run", "table-s2", *options, "--folds", "3", "--device", "cpu", "--dry-run"]
    done = python(program, tmp_path, *line, PYTHONPATH=str(tmp_path / "installed"))
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "installed" / "cytobench") in done.stderr
    assert "preset pocket: N 0, 4, 8," in done.stdout and "15 trials, 0 of them done" in done.stdout


def python(program: str, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=folder, env={**os.environ, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_twin_differs_in_its_protocol_and_in_what_it_may_conclude(name: str) -> None:
    study, sound = declared(name), declared(f"{name}-strict")
    assert (study.pop("protocol"), sound.pop("protocol")) in {
        ("cytodiff", "strict"),
        ("cytodiff+synthetic_only", "strict+synthetic_only"),
        ("cytodiff+balanced", "strict+balanced"),
    }
    assert "analysis" not in study
    assert (sound.pop("analysis", None) is not None) == (name != "fig-s8")  # which trains nothing
    assert study == sound


def test_the_grids_are_those_of_the_study() -> None:
    s1, s2, s3, balanced, shots, s8 = (declared(name) for name in ROWS)
    assert s2["synthetic"] == s3["synthetic"] == FIFTEEN
    assert s1["synthetic"] == s8["synthetic"] == [3000] and balanced["synthetic"] == [0, 1000, 3000]
    assert s2["classifier"] == [*RESNETS, "random"] and s3["classifier"] == ["clip"]
    assert s1["classifier"] == balanced["classifier"] == [*RESNETS, "clip"]
    assert shots["shots"] == [1, 4, 8, 11, 16] and shots["repeats"] == 5
    for file in (s1, s2, s3, balanced, s8):
        assert file["shots"] == [16] and "repeats" not in file
        assert file["presets"]["pocket"]["synthetic"] == [n // 25 for n in file["synthetic"]]
    for file in (s1, s2, balanced):
        assert {name: file["variants"][name] for name in RESNETS} == {
            "resnet50-lr1e-4": {"plugin": "resnet50", "lr": 1e-4}, "resnet50-lr1e-3": {"plugin": "resnet50", "lr": 1e-3}
        }  # fmt: skip


@pytest.mark.parametrize("name", [*ROWS, *SOUND])
def test_each_can_run_as_it_stands(name: str, tmp_path: Path) -> None:
    rows, pocket = ROWS[name.removesuffix("-strict")], declared(name)["presets"]["pocket"]
    resolved = resolve(read_benchmark(find_benchmark(name)).at("pocket"), load_plugins(), "cpu")
    make_planner(resolved, tmp_path)  # refuses classes that are too rare
    benchmark = resolved.benchmark
    assert (benchmark.dataset, benchmark.preset, benchmark.fold) == ("phantom", "pocket", (0,))
    assert list(benchmark.synthetic or ()) == pocket["synthetic"]
    assert len(resolved.arms) == rows and len(resolved.trials) == rows * declared(name).get("repeats", 1)
    named = [Named(arm.row, arm.classifier.name, arm.classifier.offer.spec.name, arm.n) for arm in resolved.arms]
    if "analysis" in declared(name):
        check_declaration(benchmark.analysis, named, name)
        assert family(benchmark.analysis, named)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("", "preset pocket: N 0, 40, 120; shots 16; folds 0; seeds 42\n9 trials, 0 of them done"),
        ("--synthetic 0 --synthetic 9 --repeats 2", "N 0, 9; shots 16; folds 0; seeds 42, 43\n12 trials"),
        ("--fold 1 --fold 2 --shots 4", "preset pocket: N 0, 40, 120; shots 4; folds 1, 2; seeds 42\n18 trials"),
    ],
)
def test_a_plan_shows_the_numbers_of_its_preset_and_options_come_first(
    options: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = ["--dry-run", "--device", "cpu", "--limit", "6", "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as ended:
        main(["run", "balanced-strict", *usual, *options.split()])
    assert ended.value.code == 0
    assert said in capsys.readouterr().out


def test_on_other_data_it_is_the_studys(cells: Path, tmp_path: Path) -> None:
    found = plan(
        "table-s1", dataset=str(cells), generator=["repeat"], classifier=["random"], folds=3, device="cpu",
        out=tmp_path / "out",
    )  # fmt: skip
    assert (found.preset, list(found.synthetic), list(found.folds)) == ("paper", [3000], [0, 1, 2])


@pytest.mark.parametrize("name", ["table-s1-strict", "table-s2", "balanced-strict"])
def test_a_small_run_of_each_kind(name: str, cells: Path, tmp_path: Path) -> None:
    # A class has at most eight training images, so that some are missing to ten.
    numbers, used = [10] if "s1" in name else [0, 10], [*RESNETS, "random"]
    result = run(**cut(name, cells, tmp_path / "out", synthetic=numbers, classifier=used))
    assert not result.outcome.failed
    rows = {row.row for section in result.leaderboard.sections for row in section.rows}
    none = {f"none/{classifier}/s0/n0" for classifier in used if 0 in numbers}
    assert rows == none | {f"repeat/{classifier}/s2/n10" for classifier in used}
    resolved = tomllib.loads((tmp_path / "out" / "benchmark.toml").read_text())
    assert resolved["synthetic"] == numbers and "presets" not in resolved


def test_a_small_run_measures_fidelity(cells: Path, tmp_path: Path) -> None:
    result = run(**cut("fig-s8-strict", cells, tmp_path / "out", synthetic=[6], extractor=["clip"]))
    assert not result.outcome.failed
    record = read_record(tmp_path / "out" / "records" / "repeat__random__s2__n6__fold0.json")
    (measured,) = record.fidelity
    assert set(measured.classes) == {"A", "B", "C"} and all(one.kid is not None for one in measured.classes.values())


def test_numbers_of_shots_share_their_noise_and_each_draw_has_its_own(cells: Path, tmp_path: Path) -> None:
    changes = {"classifier": ["random"], "synthetic": [0, 2], "shots": [1, 4], "repeats": 2}
    result = run(**cut("shots", cells, tmp_path / "out", **changes))
    assert not result.outcome.failed
    (section,) = result.leaderboard.sections
    figures = {row.row: row.aggregates["test_real", "f1_macro"] for row in section.rows}
    assert set(figures) == {"none/random/s0/n0", "repeat/random/s1/n2", "repeat/random/s4/n2"}
    assert all(figure.std_seeds is not None for figure in figures.values())
    drawn = {(seed, shots): sampled(tmp_path / "out", seed, shots) for seed in (42, 43) for shots in (1, 4)}
    for seed in (42, 43):
        few, many = drawn[seed, 1], drawn[seed, 4]
        assert len(few) >= 6 and few["seed"].equals(many["seed"]) and not few["image"].equals(many["image"])
    assert not set(drawn[42, 1]["seed"]) & set(drawn[43, 1]["seed"])


def sampled(out: Path, seed: int, shots: int) -> pd.DataFrame:
    """The images behind a row of one seed: label, index, seed and image, in the order of label and index."""
    repeat = f"__repeat{seed - 42}" if seed > 42 else ""
    record = read_record(out / "records" / f"repeat__random__s{shots}__n2__fold0{repeat}.json")
    assert record.seed == seed
    keys = {stage.key for stage in record.stages if stage.kind == "sample"}
    shards = [file for file in (out / "store" / "images").rglob("*.parquet") if file.parent.name in keys]
    table = pd.concat([pd.read_parquet(file) for file in shards])
    return table.sort_values(["label", "index"], ignore_index=True)
