"""Workers of plugins that behave: what they tell the run, that they are kept, and that figures do not change."""

from __future__ import annotations

import logging
import multiprocessing
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cytobench.api import RunResult
from cytobench.errors import on_the_command_line
from cytobench.pipeline.engine import NothingRuns
from cytobench.pipeline.progress import QuietDisplay
from cytobench.storage.records import read_record


def test_what_a_plugin_says_reaches_the_run(
    small: Callable[..., RunResult], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """``fragile`` prints, logs its process and tells its progress, in training and in prediction."""
    seen: list[tuple[int, int]] = []

    class Watching(QuietDisplay):
        def progress(self, done: int, total: int, left: str) -> None:
            seen.append((done, total))

    with caplog.at_level(logging.WARNING, "cytobench"):
        small(classifier=["fragile"], synthetic=[0], fold=[0, 1], display=Watching())
    logged = [record.getMessage() for record in caplog.records if record.name == "cytobench.fragile"]
    assert len(logged) == 4 and len(set(logged)) == 1, "one process for all"
    process = re.fullmatch(r"logged by fragile in (\d+), which would (\w+)", logged[0])
    assert process and int(process[1]) != os.getpid()
    assert process[2] == multiprocessing.get_start_method(), "plugins start processes as they would in this one"
    assert seen.count((3, 3)) == 4
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("printed by fragile\n") == printed.err.count("written by native code\n") == 4


def test_what_the_run_would_not_log_is_not_logged(
    small: Callable[..., RunResult], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "cytobench"):
        small(classifier=["fragile"], synthetic=[0], fold=[0])
    assert "logged by fragile" not in caplog.text


def test_a_plugin_without_torch_gets_none(small: Callable[..., RunResult], tmp_path: Path) -> None:
    """Or each worker would cost the seconds of its import, and its memory."""
    small()
    record = read_record(tmp_path / "out" / "records" / "repeat__random__s2__n3__fold0.json")
    peaks = [stage.peak_memory_mib for stage in record.stages]
    if None in peaks:
        pytest.skip("the peak resident size is not to be had on this system")
    assert max(peak for peak in peaks if peak is not None) < 300


def test_a_script_may_call_run_at_its_top_level(cells: Path, tmp_path: Path) -> None:
    """A worker does not import the user's script, so that it does not run again in each."""
    script = tmp_path / "script.py"
    script.write_text(
        "import cytobench\n"
        "print('once')\n"
        f"result = cytobench.run(dataset={str(cells)!r}, preset='pocket', classifier=['random'], synthetic=[0],\n"
        f"    folds=3, fold=[0], device='cpu', out=__import__('pathlib').Path({str(tmp_path / 'out')!r}))\n"
        "print(result.outcome.done, result.outcome.failed)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "once\n['none__random__s0__n0__fold0'] {}\n"


def test_messages_of_a_plugin_name_options_on_the_command_line(
    small: Callable[..., RunResult], cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And parameters in Python: the plugin's process says it as the run does."""
    from cytobench.cli import main

    [reason] = set(
        small(generator=["folder"], set={"folder": {"path": str(cells)}}, synthetic=[13]).outcome.failed.values()
    )
    assert "ask for fewer with synthetic=12." in reason
    command = ["run", "--dataset", str(cells), "--preset", "pocket", "--folds", "3", "--fold", "0", "--device", "cpu"]
    command += ["--generator", "folder", "--set", f"folder.path={cells}", "--classifier", "random", "--synthetic", "13"]
    with pytest.raises(SystemExit):
        main([*command, "--out", str(tmp_path / "again"), "--quiet"])
    assert "ask for fewer with --synthetic 12." in capsys.readouterr().err


def test_a_run_ends_where_no_worker_can_be_started(small: Callable[..., RunResult], tmp_path: Path) -> None:
    """No trial has failed, then: there is nothing that a plugin did."""
    python = sys.executable
    multiprocessing.set_executable("/bin/false")
    try:
        with pytest.raises(NothingRuns, match=r"ended with exit code 1 before it began\. .*in_process=True"):
            small()
    finally:
        multiprocessing.set_executable(python)
    assert not (tmp_path / "out" / "records").exists()


def test_a_worker_words_its_messages_as_the_run_does(small: Callable[..., RunResult], tmp_path: Path) -> None:
    """Options where the run was started on the command line, parameters in Python."""
    values = {"classifier": ["fragile"], "synthetic": [0], "fold": [0], "set": {"fragile": {"fit": "raise_user_error"}}}
    (reason,) = small(**values).outcome.failed.values()
    assert "shots=0 is too few, and set={'fragile': {'fit': 'talk'}} is better" in reason
    with on_the_command_line():
        (reason,) = small(**values, out=tmp_path / "other").outcome.failed.values()
    assert "--shots 0 is too few, and --set fragile.fit=talk is better" in reason
