"""A plugin that crashes, exits or hangs fails one check and takes nothing else with it; outputs on record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cytobench.contract import CONTRACT
from cytobench.errors import UserError
from cytobench.testing.report import Report
from cytobench.testing.session import Session
from cytobench.testing.target import Target


def target(factory: str = "Sound", **changes: Any) -> Target:
    spec = {
        "name": "sound",
        "summary": "for tests",
        "contract": CONTRACT,
        "revision": 1,
        "factory": f"sound_generator:{factory}",
        "fit_config": "sound_generator:FitConfig",
        "sample_config": "sound_generator:Sampling",
        "scope": "class",
    }
    return replace(Target("generator", "sound", "tests", "1.0", spec), **changes)


@pytest.fixture
def own_session(plugin_path: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session of its own, with a cache folder of its own and little patience."""
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    with Session(limit=60) as session:
        yield session


@pytest.mark.parametrize(
    ("factory", "detail"),
    [
        ("Exits", "raised SystemExit: 0"),
        ("ExitsAtOnce", "ended the process with exit code 3"),
        ("Crashes", "ended the process by SIGSEGV (Fatal Python error: Segmentation fault)"),
    ],
)
def test_a_plugin_that_ends_the_process_fails_and_the_next_one_is_checked(
    own_session: Session, factory: str, detail: str
) -> None:
    broken = own_session.result(target(factory), "images")
    assert (broken.status, detail in broken.detail) == ("failed", True), broken
    left_out = own_session.result(target(factory), "batch")
    assert (left_out.status, left_out.detail) == ("left out", "images failed")
    assert own_session.result(target(), "images").status == "passed"


def test_a_plugin_that_hangs_fails_after_the_time_limit(
    plugin_path: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    with Session(limit=4) as session:
        assert session.result(target("Hangs"), "loads").status == "passed"
        result = session.result(target("Hangs"), "images")
    assert (result.status, result.detail) == ("failed", "took longer than 4 s")


def test_a_mistake_in_the_options_is_the_users_and_no_failed_check(own_session: Session) -> None:
    with pytest.raises(UserError, match=r"no such key\. Did you mean sound\.keep\?"):
        own_session.result(target(values={"kep": 3}), "images")


def test_options_reach_the_plugin(own_session: Session) -> None:
    """Batches of two, as set, show in what the check of batches says."""
    result = own_session.result(target("OneShort", values={"batch_size": 2}), "images")
    assert result.detail == "asked for images [0, 1] of disc, got [1]"


def test_changed_outputs_under_the_same_revision_are_warned_about(own_session: Session, tmp_path: Path) -> None:
    assert own_session.result(target(), "revision").status == "left out"
    again = replace(target(), spec={**target().spec, "summary": "the same once more"})
    assert own_session.result(again, "revision").status == "passed"
    changed = own_session.result(target("Brighter"), "revision")
    assert changed.status == "warned"
    assert "the revision is still 1: raise it in the spec" in changed.detail
    still = replace(target("Brighter"), version="1.1")
    assert own_session.result(still, "revision").status == "warned"
    raised = replace(target("Brighter"), spec={**target("Brighter").spec, "revision": 2})
    assert own_session.result(raised, "revision").status == "left out"
    [file] = (tmp_path / "cache" / "conformance").iterdir()
    assert sorted(entry["revision"] for entry in json.loads(file.read_text()).values()) == [1, 2]
    file.write_text("{ damaged")
    other = replace(target("Brighter"), version="1.2")
    assert own_session.result(other, "revision").status == "left out"


def test_a_warning_is_no_failure_and_checks_that_are_left_out_are_counted(own_session: Session) -> None:
    own_session.result(target(), "revision")
    report = Report(target("Brighter"), list(own_session.results(target("Brighter"))))
    assert report.passed
    assert report.summary == "18 checks ran: 17 passed, 1 warned; 1 left out"
    assert not Report(target(), []).passed


def test_memory_that_is_held_on_a_device_is_caught(own_session: Session) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    result = own_session.result(target("HoldsMemory", device="cuda"), "device-memory")
    assert result.status == "failed"
    assert own_session.result(target(device="cuda"), "device-memory").status == "passed"
