"""The declaration of a benchmark and its TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from cytobench.config.benchmark import Benchmark, make_benchmark, read_benchmark
from cytobench.errors import UserError


def test_toml_and_back_changes_nothing(tmp_path: Path) -> None:
    benchmark = make_benchmark(
        {
            "dataset": 'cells "of" B\\ücher',
            "generator": ["repeat", "sd21-lora"],
            "classifier": ["clip"],
            "synthetic": [0, 100],
            "fold": [2],
            "limit": 7,
            "train_only": ["BAS"],
            "set": {"sd21-lora": {"steps": 5, "rate": 1e-4, "flip": True, "layers": ["a", "b"], "name": "x"}},
            "prompts": {"EOS": {"generator": "an eosinophil"}},
            "analysis": {"metric": "accuracy", "reference": "none/clip/s0/n0", "comparisons": ["repeat/*", "repeat/*"]},
        },
        "options",
    )
    file = tmp_path / "benchmark.toml"
    file.write_text(benchmark.to_toml(), encoding="utf-8")
    assert read_benchmark(file) == benchmark


def test_lists_lose_repetitions_and_numbers_are_sorted() -> None:
    values = {"classifier": ["b", "a", "b"], "synthetic": [100, 0, 100], "fold": [3, 1], "shots": [16, 4, 16]}
    benchmark = make_benchmark(values, "options")
    assert benchmark.classifier == ("b", "a")
    assert (benchmark.synthetic, benchmark.fold, benchmark.shots) == ((0, 100), (1, 3), (4, 16))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("clasifier = ['x']", ["no such key: clasifier", "Did you mean classifier?"]),
        ("folds = 2", ["folds = 2", "greater than or equal to 3"]),
        ("seed = -1", ["seed = -1"]),
        ("shots = [-1]", ["must not be negative"]),
        ("classifier = 3", ["classifier = 3"]),
        ("set = 3", ["set = 3"]),
        ("[prompts.EOS]\ngenerater = 'x'", ["prompts.EOS.generater", "Did you mean generator?"]),
        ("[analysis]\nmetrik = 'accuracy'", ["analysis.metrik", "Did you mean metric?"]),
        ("[analysis]\ncomparisons = []", ["must name at least one row"]),
        ("folds = ", ["is no TOML file"]),
        ("\x80", ["is no TOML file"]),
    ],
)
def test_a_mistake_names_the_file_and_the_key(tmp_path: Path, text: str, words: list[str]) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError) as refused:
        read_benchmark(file)
    for word in [str(file), *words]:
        assert word in str(refused.value)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.toml: No such file"):
        read_benchmark(tmp_path / "absent.toml")


def test_the_defaults_are_those_of_the_documentation() -> None:
    benchmark = Benchmark()
    assert (benchmark.dataset, benchmark.protocol, benchmark.folds, benchmark.seed) == (
        "phantom",
        "strict",
        5,
        42,
    )
    assert benchmark.shots == (16,)


SCALED = """
classifier = ["random"]
synthetic = [0, 5000]
shots = [16]

[presets.pocket]
synthetic = [200, 0, 200]
fold = [0]
repeats = 2
"""


def test_a_preset_has_numbers_of_its_own_and_what_was_given_stays(tmp_path: Path) -> None:
    benchmark = make_benchmark(tomllib.loads(SCALED), "the test")
    pocket, paper = benchmark.at("pocket"), benchmark.at("paper")
    assert (pocket.synthetic, pocket.shots, pocket.fold, pocket.repeats) == ((0, 200), (16,), (0,), 2)
    assert (paper.synthetic, paper.shots, paper.fold, paper.repeats) == ((0, 5000), (16,), None, 1)
    given = benchmark.at("pocket", overridden=["synthetic", "repeats"])
    assert (given.synthetic, given.fold, given.repeats) == ((0, 5000), (0,), 1)
    for settled in (pocket, paper, given):
        assert settled.presets is None and "presets" not in tomllib.loads(settled.to_toml())


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("[presets.pokcet]", ["no such key: presets.pokcet", "Did you mean pocket?"]),
        ("[presets.pocket]\nsynthetics = [1]", ["presets.pocket.synthetics", "Did you mean synthetic?"]),
        ("[presets.pocket]\nseed = 1", ["presets.pocket.seed", "Known: fold, repeats, shots, synthetic"]),
        ("[presets.paper]\nshots = [-1]", ["presets.paper.shots", "must not be negative"]),
        ("[presets.paper]\nrepeats = 0", ["presets.paper.repeats", "greater than or equal to 1"]),
    ],
)
def test_mistakes_in_the_numbers_of_a_preset_are_named(table: str, words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "benchmark.toml"
    file.write_text(table)
    with pytest.raises(UserError) as error:
        read_benchmark(file)
    assert all(word in str(error.value) for word in words), str(error.value)
