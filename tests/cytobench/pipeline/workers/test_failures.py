"""A plugin that breaks its process, in every way there is: its trials fail, told why, and all others finish."""

from __future__ import annotations

import multiprocessing
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cytobench.api import RunResult, run
from cytobench.errors import UserError
from cytobench.pipeline.progress import QuietDisplay
from cytobench.storage.records import Failure, read_record

from ...noise import noise

WAYS = {
    "crash": {"fit": "crash"},
    "crash-late": {"predict": "crash"},
    "leave": {"fit": "leave"},
    "leave-child": {"fit": "leave_with_a_child"},
    "exit": {"predict": "system_exit"},
    "allocate": {"fit": "allocate"},
    "allocate-child": {"predict": "allocate_in_a_child"},
    "hang": {"fit": "hang"},
    "deaf": {"fit": "hang_deaf"},
    "odd": {"fit": "raise_odd"},
    "mute": {"predict": "raise_mute"},
    "secret": {"predict": "secret"},
    "talk": {},
}


LIMITS = {
    "allocate": {"memory_limit": 400},
    "allocate-child": {"memory_limit": 400},
    "hang": {"trial_timeout": 3},
    "deaf": {"trial_timeout": 3},
}
"""What a run of these alone is given; all others are one run without a limit."""


@dataclass(frozen=True)
class Broken:
    """Results of all of them, each beside a classifier that works."""

    out: Path
    done: set[str]
    failed: dict[str, str]

    def error(self, name: str) -> Failure:
        file = next(self.out.glob(f"*/records/none__{name}__s0__n0__fold0.json"))
        error = read_record(file).error
        assert error is not None
        return error


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Broken:
    """A run for each limit."""
    out = tmp_path_factory.mktemp("broken")
    for i in range(36):
        noise(out / "cells" / "ABC"[i // 12] / f"{i % 12:02d}.png", i)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CYTOBENCH_IN_PROCESS", raising=False)
        patch.syspath_prepend(str(Path(__file__).parent / "site"))
        patch.setenv("CYTOBENCH_CACHE", str(out / "cache"))
        results = [
            run(
                dataset=str(out / "cells"),
                preset="pocket",
                classifier=[*names, "random"],
                variants={name: {"plugin": "fragile", **WAYS[name]} for name in names},
                synthetic=[0],
                folds=3,
                fold=[0],
                device="cpu",
                out=out / f"out{number}",
                **limits,
            )
            for number, (names, limits) in enumerate(by_limit())
        ]
    outcomes = [result.outcome for result in results]
    failed = {name.split("__")[1]: why for outcome in outcomes for name, why in outcome.failed.items()}
    assert all("none__random__s0__n0__fold0" in outcome.done for outcome in outcomes)
    return Broken(out, {name.split("__")[1] for outcome in outcomes for name in outcome.done}, failed)


def by_limit() -> list[tuple[list[str], dict[str, Any]]]:
    kinds: list[dict[str, Any]] = [{}, {"memory_limit": 400}, {"trial_timeout": 3}]
    return [([name for name in WAYS if LIMITS.get(name, {}) == limits], limits) for limits in kinds]


def test_each_fails_alone(broken: Broken) -> None:
    assert broken.done == {"random", "talk"}
    assert set(broken.failed) == set(WAYS) - {"talk"}


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("crash", "WorkerDied", r"train: fragile \(cytobench-fragile 0\.3\) was killed by SIGSEGV: native code"),
        ("crash-late", "WorkerDied", r"predict: fragile \(.*\) was killed by SIGSEGV"),
        ("leave", "WorkerDied", r"train: fragile \(.*\) ended with exit code 3: a plugin that fails must raise"),
        ("leave-child", "WorkerDied", "ended with exit code 4"),
        ("exit", "SystemExit", "enough"),
        ("allocate", "WorkerDied", r"held \d+ MiB of memory, more than memory_limit=400 MiB, and was ended"),
        ("allocate-child", "WorkerDied", r"predict: fragile .* more than memory_limit=400 MiB"),
        ("hang", "WorkerDied", r"train: fragile .* took longer than trial_timeout=3 s and was ended"),
        ("deaf", "WorkerDied", "took longer than trial_timeout=3 s"),
        ("odd", "Odd", "^code 7: unpicklable$"),
        ("mute", "Mute", "its message cannot be had: RuntimeError"),
        ("secret", ".*Error", "Secret"),
    ],
)
def test_the_record_says_why(broken: Broken, name: str, kind: str, message: str) -> None:
    error = broken.error(name)
    assert re.fullmatch(kind, error.type)
    assert re.search(message, error.message)
    assert broken.failed[name] == f"{error.type}: {error.message}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("crash", r"about to crash in \d+\nFatal Python error: Segmentation fault(.|\n)*ways\.py\", line \d+ in crash"),
        ("hang", r"hangs in \d+\n(.|\n)*ways\.py\", line \d+ in hang"),
        ("deaf", r"line \d+ in hang_deaf"),
        ("leave", "Nothing was written on stderr"),
        ("odd", r"Traceback \(most recent call last\):\n(.|\n)*in raise_odd\n(.|\n)*Odd: code 7"),
        ("mute", "in raise_mute"),
    ],
)
def test_the_record_says_where(broken: Broken, name: str, expected: str) -> None:
    text = broken.error(name).traceback or ""
    assert re.search(expected, text)
    assert "Extension modules" not in text


@pytest.mark.parametrize("name", ["hang", "leave-child"])
def test_what_a_worker_has_started_ends_with_it(broken: Broken, name: str, gone: Callable[[int], bool]) -> None:
    child = re.search(r"child (\d+)", broken.error(name).traceback or "")
    assert child and gone(int(child[1]))


def test_nothing_is_left_behind(broken: Broken) -> None:
    assert not multiprocessing.active_children()
    assert not list(broken.out.rglob(".making-*"))
    crashed = re.search(r"crash in (\d+)", broken.error("crash-late").traceback or "")
    assert crashed and not list(Path(tempfile.gettempdir()).glob(f"cytobench-{crashed[1]}-*"))


def test_a_generator_that_dies_fails_the_trials_that_need_it(small: Callable[..., RunResult], tmp_path: Path) -> None:
    """The blocks that it finished are kept, and the next run goes on from them."""
    broken = {
        "generator": ["fragile-images", "repeat"],
        "fold": [0],
        "synthetic": [0, 4],
        "set": {"fragile-images": {"batch_size": 2, "after": 3, "way": "crash"}},
    }
    result = small(**broken)
    assert {name.partition("__")[0] for name in result.outcome.done} == {"none", "repeat"}
    [(name, reason)] = result.outcome.failed.items()
    assert name.startswith("fragile-images")
    assert reason.startswith("WorkerDied: sample: fragile-images (cytobench-fragile 0.3) was killed by SIGSEGV")
    again = small(**broken)
    assert again.outcome.done == [] and list(again.outcome.failed) == [name]


def test_an_extractor_that_dies_leaves_its_figures_out_alone(small: Callable[..., RunResult], tmp_path: Path) -> None:
    outcome = small(extractor=["fragile-features"], synthetic=[3], fold=[0]).outcome
    assert outcome.failed == {} and len(outcome.done) == 1
    reason = "WorkerDied: fidelity: fragile-features (cytobench-fragile 0.3) was killed by SIGSEGV"
    assert [message.startswith(reason) for message in outcome.unmeasured.values()] == [True]
    [file] = (tmp_path / "out" / "records").glob("*.json")
    assert "in crash" in file.read_text()


def test_a_worker_that_dies_between_two_stages_is_replaced(small: Callable[..., RunResult]) -> None:
    killed: list[int] = []

    class Cruel(QuietDisplay):
        def started(self, text: str) -> None:
            if ": predict" in text:
                [worker] = multiprocessing.active_children()
                worker.kill()
                worker.join()
                killed.append(worker.pid or 0)

    result = small(synthetic=[0], fold=[0, 1], display=Cruel())
    assert len(result.outcome.done) == 2
    assert len(set(killed)) == 2


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"trial_timeout": 0}, "trial_timeout=0: give a number above 0"),
        ({"memory_limit": -1}, "memory_limit=-1: give a number above 0"),
        ({"trial_timeout": float("nan")}, "trial_timeout=nan"),
        ({"trial_timeout": 5, "in_process": True}, "leave out in_process"),
    ],
)
def test_limits_that_cannot_be_are_refused(
    small: Callable[..., RunResult], tmp_path: Path, wrong: dict[str, float], expected: str
) -> None:
    with pytest.raises(UserError, match=expected):
        small(**wrong)
    assert not (tmp_path / "out").exists()
