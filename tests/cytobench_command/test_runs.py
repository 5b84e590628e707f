"""Whole runs of programs: rows, records, what is redone when something changes, and mistakes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from cytobench.api import RunResult, plan, run
from cytobench.cli import main
from cytobench.config.benchmark import read_benchmark
from cytobench.pipeline.fetch import fetch_assets, verify_assets
from cytobench.storage.records import read_record

from .conftest import line, write_noise

GENERATOR = {"fit": line("fit.py"), "sample": line("sample.py")}
CLASSIFIER = {"train": line("train.py"), "predict": line("predict.py")}


def values(place: Path, **changes: Any) -> dict[str, Any]:
    """Arguments of a run of the generator and ``random`` on one fold of three."""
    return {
        "dataset": str(place / "cells"), "generator": ["command"], "classifier": ["random"], "synthetic": [0, 3],
        "shots": [2], "folds": 3, "fold": [0], "device": "cpu", "set": {"command": GENERATOR}, "out": place / "out",
        **changes,
    }  # fmt: skip


def rows(result: RunResult) -> dict[str, Any]:
    return {row.row: row for section in result.leaderboard.sections for row in section.rows}


def record(place: Path, name: str) -> Any:
    return read_record(place / "out" / "records" / f"{name}__fold0.json")


def todo(**arguments: Any) -> dict[str, int]:
    return {item.kind: item.todo for item in plan(**arguments).items}


def test_a_generator_and_a_classifier_may_share_the_name(place: Path) -> None:
    both = values(place, classifier=["command"], set={"command": {**GENERATOR, **CLASSIFIER, "timeout": 99}})
    result = run(**both)
    assert not result.outcome.failed
    assert set(rows(result)) == {"none/command/s0/n0", "command/command/s2/n3"}
    used = record(place, "command__command__s2__n3")
    assert used.generator.fit_config == {"version": None, "files": [], "fit": GENERATOR["fit"], "scope": "class"}
    assert used.generator.sample_config == {"batch_size": 20, "sample": GENERATOR["sample"]}
    assert used.classifier.config == {"version": None, "files": [], **CLASSIFIER}
    assert {name: asset.source for name, asset in used.generator.weights.items()} == {
        "fit[0]": sys.executable, "fit[3]": "fit.py", "sample[0]": sys.executable, "sample[3]": "sample.py"
    }  # fmt: skip
    python = f"Python {sys.version.split()[0]}"
    assert used.classifier.versions == {"train --version": python, "predict --version": python}
    assert used.made_elsewhere == "no" and rows(result)["command/command/s2/n3"].copied  # it gives back its shots
    again = run(place / "out" / "benchmark.toml", out=place / "out")
    assert again.outcome.done == [] and len(again.outcome.reused) == 2


def test_a_changed_file_redoes_what_it_made_and_nothing_else(place: Path) -> None:
    run(**values(place))
    assert todo(**values(place)) == {"predict": 0}
    sample = (place / "sample.py").read_text()
    (place / "sample.py").write_text(sample + "# changed\n")
    assert todo(**values(place)) == {"fit": 0, "sample": 3, "copies": 3, "train": 1, "predict": 1}
    (place / "sample.py").write_text(sample)
    (place / "fit.py").write_text((place / "fit.py").read_text() + "# changed\n")
    forecast = plan(**values(place))
    redone = {"fit": 3, "sample": 3, "copies": 3, "train": 1, "predict": 1}
    assert {item.kind: item.todo for item in forecast.items} == redone
    (fit,) = [item for item in forecast.items if item.kind == "fit"]
    assert fit.reasons == {"differs from the nearest there is: assets.fit[3]": 3}


def test_a_version_counts_and_a_time_limit_does_not(place: Path) -> None:
    def settings(**more: Any) -> dict[str, Any]:
        return values(place, set={"command": {**GENERATOR, "version": "cat pins.txt", **more}})

    (place / "pins.txt").write_text("numpy==1.26\n")
    run(**settings(timeout=500))
    assert todo(**settings(timeout=60)) == {"predict": 0}
    assert "timeout" not in (place / "out" / "benchmark.toml").read_text()
    (place / "pins.txt").write_text("numpy==2.0\n")
    forecast = plan(**settings())
    (fit,) = [item for item in forecast.items if item.kind == "fit"]
    assert fit.reasons == {"differs from the nearest there is: versions.version numpy==1.26 -> numpy==2.0": 3}
    run(**settings())
    assert record(place, "command__random__s2__n3").generator.versions["version"] == "numpy==2.0"


def test_files_that_no_line_names_count_too(place: Path) -> None:
    settings = values(place, set={"command": {**GENERATOR, "files": ["weights"]}})
    write_noise(place / "weights" / "deep" / "w.bin.png", 1)
    run(**settings)
    write_noise(place / "weights" / "deep" / "w.bin.png", 2)
    assert todo(**settings)["fit"] == 3


def test_without_a_fit_a_row_is_as_if_made_elsewhere(place: Path) -> None:
    write_noise(place / "made" / "0.png", 99)
    bare = values(place, set={"command": {"sample": GENERATOR["sample"]}})
    result = run(**bare)
    row = rows(result)["command/random/s0/n3"]
    assert row.rank is None and row.made_elsewhere == "undeclared"
    assert not list((place / "out" / "store").glob("fit/*"))
    declared = run(**{**bare, "out": place / "declared", "trained_on": "external"})
    assert rows(declared)["command/random/s0/n3"].rank is not None


def test_one_fit_may_see_all_classes(place: Path) -> None:
    result = run(**values(place, set={"command": {**GENERATOR, "scope": "dataset"}}))
    assert not result.outcome.failed
    assert len(list((place / "out" / "store" / "fit").glob("*/*/artefact"))) == 1
    artefact = next((place / "out" / "store" / "fit").glob("*/*/artefact"))
    assert len(list(artefact.iterdir())) == 6  # two shots of each of three classes


def test_a_failing_program_fails_its_rows_alone_and_shows_what_it_said(place: Path) -> None:
    (place / "sample.py").write_text("print('loading'); raise SystemExit('no GPU')")
    result = run(**values(place))
    assert result.outcome.done == ["none__random__s0__n0__fold0"]
    message = record(place, "command__random__s2__n3").error.message
    assert message.startswith("command.sample: ") and "ended with exit code 1. The last it wrote:\n" in message
    assert "loading" in message and "no GPU" in message


def test_programs_may_be_variants(place: Path) -> None:
    (place / "b.toml").write_text(
        f'generator = ["mine", "theirs"]\nclassifier = ["sizes"]\n'
        f'[variants.mine]\nplugin = "command"\nfit = "{GENERATOR["fit"]}"\nsample = "{GENERATOR["sample"]}"\n'
        f'[variants.theirs]\nplugin = "command"\nfit = "{GENERATOR["fit"]}"\nsample = "{GENERATOR["sample"]}"\n'
        f'batch_size = 2\n[variants.sizes]\nplugin = "command"\ntrain = "{CLASSIFIER["train"]}"\n'
        f'predict = """\n{CLASSIFIER["predict"]}\n"""\n'
    )
    arguments = values(place)
    del arguments["set"], arguments["generator"], arguments["classifier"]
    result = run(place / "b.toml", **arguments)
    assert set(rows(result)) == {"none/sizes/s0/n0", "mine/sizes/s2/n3", "theirs/sizes/s2/n3"}
    assert read_benchmark(place / "out" / "benchmark.toml").set["theirs"]["batch_size"] == 2


def test_a_lock_holds_the_files_that_lines_name(place: Path) -> None:
    (place / "b.toml").write_text(
        f'dataset = "cells"\ngenerator = ["command"]\nclassifier = ["random"]\n'
        f'[set.command]\nfit = "gone-program fit.py {{request}}"\nsample = "{GENERATOR["sample"]}"\n'
    )
    lock = fetch_assets(Path("b.toml"))  # a machine that fetches need not have the program
    assert {name for name in lock.items if name != "dataset"} == {
        *("command.fit[1]", "command.sample[0]", "command.sample[3]")
    }
    (place / "fit.py").write_text("")
    assert {check.name: check.status for check in verify_assets(Path("b.toml"))}["command.fit[1]"] == "differs"


FIT = f"command.fit={GENERATOR['fit']}"
SAMPLE = f"command.sample={GENERATOR['sample']}"
MISTAKES: dict[str, tuple[list[str], str]] = {
    "nothing set": ([], "command: sample has no default and must be given. Set it with --set command.KEY=VALUE."),
    "no place": ([SAMPLE, "command.fit=python3 fit.py"], "tells the program nothing: put {request} among"),
    "a misspelt place": (
        [SAMPLE, "command.fit=python3 fit.py {requets}"],
        "has {requets}, which is no place to fill in",
    ),
    "a misspelt program": ([SAMPLE, "command.fit=pyhton fit.py {request}"], "the program pyhton is not installed"),
    "a misspelt script": ([SAMPLE, "command.fit=python3 ft.py {request}"], "there is no file ft.py in "),
    "an option of the classifier": (
        [FIT, SAMPLE, f"command.train={CLASSIFIER['train']}"],
        "command.train: no such key.",
    ),
    "a file that is not there": (
        [FIT, SAMPLE, 'command.files=["data/w.bin"]'],
        "command.files: there is no file or folder data/w.bin in ",
    ),
    "a scope without a fit": (
        [SAMPLE, "command.scope=dataset"],
        "there is no fit. Set fit as well, or leave scope out.",
    ),
    "no time": ([FIT, SAMPLE, "command.timeout=0"], "timeout = 0 should be greater than 0"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_before_any_work(
    place: Path, case: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    settings, expected = MISTAKES[case]
    command = ["run", "--dataset", "cells", "--generator", "command", "--classifier", "random"]
    command += ["--out", "out", "--device", "cpu"]
    with pytest.raises(SystemExit) as ended:
        main([*command, *(text for value in settings for text in ("--set", value))])
    out, err = capsys.readouterr()
    assert ended.value.code == 2 and not out and not Path("out").exists()
    assert expected in err and len(err.splitlines()) == 1


@pytest.mark.parametrize("program", ["fit.py", "sample.py"])
def test_a_program_that_is_edited_while_it_runs_leaves_nothing(place: Path, program: str) -> None:
    source = (place / program).read_text()
    (place / program).write_text(source + f"\nopen({program!r}, 'a').write('# edited')\n")
    result = run(**values(place, synthetic=[3]))
    (reason,) = result.outcome.failed.values()
    assert reason.startswith("ChangedFile: ") and f"{program} is not what the work was planned with" in reason
    assert not [path for path in (place / "out" / "store").rglob("*.png") if program == "fit.py"]
    assert not list((place / "out" / "store").rglob("*.parquet"))
