"""``cytobench show``: trials listed, and all that is on record of one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cytobench.api import RunResult
from cytobench.cli import main
from cytobench.storage.records import Record, write_record


def show(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["show", *map(str, arguments)])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_one_trial_is_shown_in_full(
    small: Callable[..., RunResult], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small(fold=[0])
    capsys.readouterr()
    code, text, _ = show(capsys, tmp_path / "out", "repeat__random__s2__n3__fold0")
    assert code == 0
    record = json.loads((tmp_path / "out" / "records" / "repeat__random__s2__n3__fold0.json").read_text())
    lines = {line.split("  ")[0]: line.split() for line in text.splitlines()}
    assert lines["row"] == ["row", "repeat/random/s2/n3"]
    assert lines["test"][1:] == [
        f"{record['scores']['test'][name]:.3f}" for name in ("accuracy", "f1_macro", "auc_macro")
    ]
    train, val, test = (str(record["splits"][part]["B"]) for part in ("train", "validation", "test"))
    assert lines["B"] == ["B", train, val, test, "2"]
    assert lines["sample"][1] == "3"
    assert lines["repeat.batch_size"][1] == "8"


def test_json_is_the_record(
    small: Callable[..., RunResult], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small(fold=[0], synthetic=[0])
    capsys.readouterr()
    file = tmp_path / "out" / "records" / "none__random__s0__n0__fold0.json"
    _, text, _ = show(capsys, tmp_path / "out", file.name, "--json")
    assert json.loads(text) == json.loads(file.read_text())
    _, listing, _ = show(capsys, tmp_path / "out", "--json")
    assert [one["trial"] for one in json.loads(listing)] == [file.stem]


def test_a_failed_trial_is_listed_with_its_reason_and_shown_with_its_traceback(
    make_record: Callable[..., Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = make_record(0, f1=None)
    write_record(tmp_path, failed, None)
    assert failed.error is not None and failed.error.traceback
    _, listing, _ = show(capsys, tmp_path)
    assert f"FAILED: {failed.error.type}: {failed.error.message.splitlines()[0]}\n" in listing
    _, text, _ = show(capsys, tmp_path, failed.trial)
    assert text.startswith(f"{failed.trial}  FAILED\n")
    assert failed.error.traceback.strip() in text


def test_a_strangers_record_commands_no_terminal(
    make_values: Callable[..., dict[str, object]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = {"type": "E\x1b]0;title\x07", "message": "a\x1b[2Jb\rc", "traceback": "one\n\x1b[31mtwo"}
    failed = Record.model_validate({**make_values(0, f1=None), "error": error})
    write_record(tmp_path, failed, None)
    for arguments in ([tmp_path], [tmp_path, failed.trial]):
        _, text, _ = show(capsys, *arguments)
        assert "E\N{REPLACEMENT CHARACTER}]0;title" in text and not set(text) & set("\x1b\x07\r")
    with pytest.raises(SystemExit):
        main(["leaderboard", str(tmp_path)])
    assert not set(capsys.readouterr().out) & set("\x1b\x07\r")


def test_mistakes(make_record: Callable[..., Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = make_record(0, f1=None)
    write_record(tmp_path, record, None)
    assert show(capsys, tmp_path, record.trial[:-1] + "9")[::2] == (
        2,
        f"Error: {record.trial[:-1]}9: no such trial on record. Did you mean {record.trial}? "
        "`cytobench show DIR` lists all.\n",
    )
    assert show(capsys, tmp_path / "nowhere")[0] == 2
