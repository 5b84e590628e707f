"""`cytobench run` as a real process: output, exit codes, messages, and going on after a kill."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cytobench.cli import main
from cytobench.cli.run import parse_set
from cytobench.errors import UserError

COMMAND = [sys.executable, "-c", "from cytobench.cli import main; main()", "run"]
Process = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve noise images of each of A, B and C, in the folder that commands run in."""
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    for i in range(36):
        file = tmp_path / "cells" / "ABC"[i // 12] / f"{i % 12:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (16, 16, 3), np.uint8)).save(file)
    return tmp_path / "cells"


USUAL = [
    *("--dataset", "cells", "--preset", "pocket", "--generator", "repeat", "--classifier", "random"),
    *(
        "--synthetic",
        "0",
        "--synthetic",
        "3",
        "--shots",
        "2",
        "--folds",
        "3",
        "--device",
        "cpu",
        "--out",
        "out",
    ),
]


def process(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **changes}
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, env=environment, check=False
    )


def in_process(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """The same command line in this process, which is faster: exit code, stdout and stderr."""
    with pytest.raises(SystemExit) as ended:
        main(["run", *arguments])
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


def test_a_run_shows_a_leaderboard_and_its_progress_on_stderr(
    cells: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = process(*USUAL)
    assert done.returncode == 0, done.stderr
    assert "repeat" in done.stdout
    assert "random" in done.stdout
    assert "trial 1/6, stage 1/27" in done.stderr
    assert "6 trials done, 0 found done; results in out" in done.stderr
    assert len(list(Path("out/records").glob("*.json"))) == 6
    code, out, err = in_process(capsys, *USUAL)
    assert code == 0
    assert out == done.stdout
    assert err == "0 trials done, 6 found done; results in out\n"


def test_json_is_all_that_is_on_stdout(cells: Path) -> None:
    done = process(*USUAL, "--json", "--fold", "0")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [row["row"] for section in found["sections"] for row in section["rows"]] == [
        "none/random/s0/n0",
        "repeat/random/s2/n3",
    ]
    assert done.stderr == ""


def test_a_failed_trial_is_named_and_gives_exit_code_1(
    cells: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for label in "ABC":
        (Path("few") / label).mkdir(parents=True)
        (Path("few") / label / "0.png").write_bytes((cells / "A" / "00.png").read_bytes())
    arguments = [*USUAL, "--generator", "folder", "--set", "folder.path=few", "--fold", "1"]
    code, out, err = in_process(capsys, *arguments)
    assert code == 1
    assert "1 trials failed (tracebacks in their records)" in err
    assert "folder__random__s0__n3__fold1: UserError: folder.path:" in err
    assert "repeat" in out
    record = json.loads(Path("out/records/folder__random__s0__n3__fold1.json").read_text())
    assert "Traceback (most recent call last)" in record["error"]["traceback"]
    assert json.loads(Path("out/records/repeat__random__s2__n3__fold1.json").read_text())["status"] == "done"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--generator", "repaet"], ["--generator repaet: no such generator. Did you mean repeat?"]),
        (["--classifier", "randm"], ["--classifier randm: no such classifier. Did you mean random?"]),
        (
            ["--set", "repeat.batchsize=2"],
            ["--set repeat.batchsize: no such key. Did you mean repeat.batch_size?"],
        ),
        (["--set", "repeat.batch_size=many"], ["repeat: batch_size = 'many'", "integer"]),
        (["--set", "sd21.steps=3"], ["--set sd21", "not part of this run", "random, repeat"]),
        (["--set", "batch_size=3"], ["--set batch_size=3: write PLUGIN.KEY=VALUE"]),
        (["--fold", "3"], ["--fold 3: with --folds 3 folds are 0 to 2"]),
        (["--fold", "-1"], ["fold", "must not be negative"]),
        (["--folds", "2"], ["folds", "3"]),
        (["--folds", "13"], ["class A has 12 different images", "--folds 12", "--train-only A"]),
        (["--shots", "0"], ["--shots 0"]),
        (["--dataset", "cels"], ["cels: no installed data set has this name", "Did you mean cells?"]),
        (["--protocol", "lax"], ["--protocol lax: no such protocol. Known: strict"]),
        (["--preset", "huge"], ["--preset huge: no such preset. Known: paper, pocket"]),
        (["--train-only", "D"], ["'D' is no class of cells", "A, B, C"]),
        (["--limit", "2"], ["class A has 2 different images"]),
        (["--limit", "0"], ["limit"]),
        (["--device", "quantum"], ["--device quantum"]),
        (["--prompts", "absent.toml"], ["absent.toml"]),
        (["absent.toml"], ["absent.toml", "No such file"]),
        (["--no-such-option"], ["No such option", "--no-such-option"]),
        (["--generator", "folder"], ["folder: path has no default", "--set folder.KEY=VALUE"]),
        (
            ["--generator", "folder", "--set", "folder.path=nowhere"],
            ["folder.path: nowhere is no file or folder"],
        ),
    ],
)
def test_a_mistake_is_named_in_one_message_before_any_work(
    cells: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    code, out, err = in_process(capsys, *USUAL, *arguments)
    assert code == 2, err
    assert out == ""
    for word in words:
        assert word in err
    assert "Traceback" not in err
    assert not Path("out").exists()
    if arguments != ["--no-such-option"]:  # click adds its usage lines
        assert err.startswith("Error: ")
        assert err.count("\n") == 1


def test_a_run_without_a_classifier_names_the_installed_ones(
    cells: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = in_process(capsys, "--dataset", "cells")
    assert code == 2
    assert "no classifier given. Add --classifier NAME; installed: " in err
    assert "random" in err


def test_other_settings_in_the_same_folder_are_refused(
    cells: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_process(capsys, *USUAL, "--fold", "0", "--quiet")[0] == 0
    code, out, err = in_process(capsys, *USUAL, "--fold", "0", "--seed", "1")
    assert (code, out) == (2, "")
    assert err.startswith("Error: --out out holds a run with other settings: seed differ.")


def test_weights_out_of_reach_name_their_source_and_the_ways_out(cells: Path) -> None:
    arguments = [
        "--dataset",
        "cells",
        "--preset",
        "paper",
        "--generator",
        "sd21-lora",
        "--classifier",
        "random",
    ]
    done = process(*arguments, "--out", "out")
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = [line for line in done.stderr.splitlines() if line.startswith("Error:")]
    for word in ("sd21-lora.", "cannot be had", "--set sd21-lora.", "HF_HOME", "--preset pocket", "hub"):
        assert word in line
    assert "Traceback" not in done.stderr
    assert not Path("out").exists()


def test_benchmark_toml_of_the_results_runs_again(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert in_process(capsys, *USUAL, "--quiet")[0] == 0
    code, out, _ = in_process(capsys, "out/benchmark.toml", "--out", "fresh", "--json")
    assert code == 0
    first = in_process(capsys, "out/benchmark.toml", "--out", "out", "--json")
    assert first[0] == 0

    def scores(text: str) -> list[object]:
        return [
            (row["row"], row["figures"])
            for section in json.loads(text)["sections"]
            for row in section["rows"]
        ]

    assert len(scores(out)) == 2
    assert scores(out) == scores(first[1])


def test_options_override_the_file_and_mistakes_in_it_name_it(
    cells: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path("mine.toml")
    file.write_text('dataset = "cells"\nclassifier = ["random"]\nfolds = 3\nfold = [0, 1]\nsynthetic = [0]\n')
    code, _, err = in_process(capsys, str(file), "--fold", "2", "--preset", "pocket", "--out", "out")
    assert code == 0, err
    assert [path.stem for path in Path("out/records").iterdir()] == ["none__random__s0__n0__fold2"]
    file.write_text('dataset = "cells"\nclasifier = ["random"]\n')
    code, _, err = in_process(capsys, str(file), "--out", "other")
    assert code == 2
    assert "mine.toml: no such key: clasifier. Did you mean classifier?" in err
    file.write_text("dataset = cells\n")
    code, _, err = in_process(capsys, str(file), "--out", "other")
    assert code == 2
    assert "mine.toml is no TOML file" in err


def test_results_go_to_a_folder_named_after_the_run(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "--dataset",
        "cells",
        "--preset",
        "pocket",
        "--classifier",
        "random",
        "--folds",
        "3",
        "--fold",
        "0",
    ]
    assert in_process(capsys, *arguments, "--quiet")[0] == 0
    assert Path("results/cells-strict-pocket/benchmark.toml").exists()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("after", ["fit", "train"])
def test_a_killed_run_is_completed_by_the_same_command(
    cells: Path, capsys: pytest.CaptureFixture[str], after: str
) -> None:
    """Killed at the first stage of a kind, wherever it is by then; the end must not depend on it."""
    with subprocess.Popen([*COMMAND, *USUAL], stderr=subprocess.PIPE, text=True) as killed:
        assert isinstance(killed.stderr, io.TextIOWrapper)
        for line in killed.stderr:
            if f": {after} repeat" in line:
                break
        os.kill(killed.pid, signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    code, out, err = in_process(capsys, *USUAL, "--json")
    assert code == 0, err
    assert len(list(Path("out/records").glob("*.json"))) == 6
    code, whole, err = in_process(capsys, *USUAL[:-1], "whole", "--json")
    assert code == 0, err
    figures = [
        [row["figures"] for section in json.loads(text)["sections"] for row in section["rows"]]
        for text in (out, whole)
    ]
    assert len(figures[0]) == 2
    assert figures[0] == figures[1]


def test_ctrl_c_says_how_to_go_on(cells: Path) -> None:
    long = [option for n in range(1, 80) for option in ("--synthetic", str(n))]
    # A shell starts what runs in its background with SIGINT ignored, and these tests may be among it.
    heeding = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {COMMAND[2]}"
    command = [COMMAND[0], "-c", heeding, *COMMAND[3:], *USUAL, *long]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as stopped:
        assert stopped.stderr is not None
        assert any("stage 1/" in line for line in stopped.stderr)
        os.kill(stopped.pid, signal.SIGINT)
        said = stopped.stderr.read()
    assert stopped.returncode == 130
    assert "the same command goes on from here" in said
    assert "Traceback" not in said


def test_the_command_line_imports_nothing_heavy() -> None:
    code = (
        "import sys, cytobench.cli\n"
        "print(sorted({'torch', 'numpy', 'pandas', 'pydantic', 'rich', 'diffusers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    started = time.monotonic()
    done = process("--help")
    assert time.monotonic() - started < 5
    assert "--generator" in done.stdout


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.b=3", 3),
        ("a.b=0.5", 0.5),
        ("a.b=true", True),
        ("a.b=[1, 2]", [1, 2]),
        ("a.b=some/path.png", "some/path.png"),
        ('a.b="3"', "3"),
        ("a.b=x=y", "x=y"),
        ("a.b=", ""),
        ("a.b=1\nc = 2", "1\nc = 2"),
    ],
)
def test_values_of_set_are_toml_or_plain_text(text: str, value: object) -> None:
    assert parse_set((text,)) == {"a": {"b": value}}


@pytest.mark.parametrize("text", ["a.b", "a=1", ".b=1", "a.=1", "=1"])
def test_a_set_without_plugin_key_and_value_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"write PLUGIN\.KEY=VALUE"):
        parse_set((text,))


def test_several_keys_of_one_plugin_are_kept() -> None:
    assert parse_set(("a.b=1", "c.d=2", "a.e=3")) == {"a": {"b": 1, "e": 3}, "c": {"d": 2}}
