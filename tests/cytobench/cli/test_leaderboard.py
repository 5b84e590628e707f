"""The command ``leaderboard``."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path

import pytest

from cytobench.cli import main
from cytobench.storage.records import write_record


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["leaderboard", *arguments])
    return ended.value.code


def test_csv_goes_to_stdout(tmp_path: Path, make_record, capsys) -> None:
    for fold in range(5):
        write_record(tmp_path, make_record(fold), None)
    assert run(str(tmp_path), "--format", "csv") == 0
    out = capsys.readouterr()
    assert len(list(csv.DictReader(io.StringIO(out.out)))) == 6
    assert out.err == ""


def test_a_pipe_gets_plain_text(tmp_path: Path, make_record, capsys) -> None:
    write_record(tmp_path, make_record(), None)
    assert run(str(tmp_path)) == 0
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["--format", "word"]])
def test_empty_results_and_wrong_formats_are_the_users_mistake(tmp_path: Path, capsys, arguments) -> None:
    assert run(str(tmp_path), *arguments) == 2
    assert capsys.readouterr().out == ""


def test_500_records_are_read_fast(tmp_path: Path, make_record, capsys) -> None:
    curves = [
        {"epoch": epoch, "train_loss": 0.5, "val_loss": 0.5, "val_f1_macro": 0.5} for epoch in range(100)
    ]
    for arm in range(100):
        for fold in range(5):
            write_record(tmp_path, make_record(fold, generator=f"g{arm}", curves=curves), None)
    start = time.process_time()
    assert run(str(tmp_path)) == 0
    assert time.process_time() - start < 2
