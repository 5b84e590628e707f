"""The plan of a run: each stage once, the same for a run and its dry run, and no more work than there are stages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from cytobench.api import RunResult, plan, run
from cytobench.config.benchmark import make_benchmark
from cytobench.config.resolve import resolve
from cytobench.pipeline import plan as planning
from cytobench.pipeline.graph import Graph, plan_graph
from cytobench.pipeline.plan import make_planners
from cytobench.pipeline.planned import State
from cytobench.pipeline.work import Stage
from cytobench.plugins import load_plugins
from cytobench.storage import image_sets
from cytobench.storage.stage_kind import StageKind

Values = dict[str, Any]


@pytest.fixture
def values(cells: Path, tmp_path: Path) -> Values:
    """Two generators of one set of images, two classifiers and a fidelity, over two folds."""
    return {
        "dataset": str(cells),
        "preset": "pocket",
        "generator": ["repeat", "folder"],
        "set": {"folder": {"path": str(cells)}},
        "classifier": ["random"],
        "extractor": ["lite0"],
        "synthetic": [0, 3, 9],
        "shots": [2],
        "folds": 3,
        "fold": [0, 1],
        "device": "cpu",
    }


def graph_of(values: Values, out: Path) -> Graph:
    resolved = resolve(make_benchmark(values, "options"), load_plugins())
    return plan_graph(resolved, make_planners(resolved, out / "store"), out)


class Recording(Executor):
    """Runs each stage where it is, and notes it."""

    def __init__(self) -> None:
        self.ran: list[tuple[StageKind, str]] = []

    def submit(self, fn: Callable[..., Any], /, stage: Stage, *args: Any, **kwargs: Any) -> Future[Any]:  # type: ignore[override]
        self.ran.append((StageKind(stage.kind), stage.key))
        future: Future[Any] = Future()
        try:
            future.set_result(fn(stage, *args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def test_a_run_does_what_its_dry_run_shows_node_by_node(values: Values, tmp_path: Path) -> None:
    out = tmp_path / "out"
    started = {**values, "fold": [0], "synthetic": [0, 3]}
    run(**started, out=out)
    before = graph_of(values, out)
    expected = [(stage.kind, stage.key) for stage in before.missing.values()]
    shown = plan(**values, out=out)
    recording = Recording()
    outcome = run(**values, out=out, executor=recording).outcome
    assert recording.ran == expected
    by_block = (StageKind.SAMPLE, StageKind.COPIES)  # which a plan counts by blocks
    counted = Counter(kind for kind, _ in recording.ran if kind not in by_block)
    assert counted == {item.kind: item.todo for item in shown.items if item.todo and item.kind not in by_block}
    assert shown.done == len(outcome.reused) == 3
    after = graph_of(values, out)
    assert not after.missing and not after.to_do and len(after.done) == shown.trials


def test_each_stage_is_planned_once_and_after_what_it_needs(values: Values, tmp_path: Path) -> None:
    graph = graph_of({**values, "classifier": ["random", "clip"]}, tmp_path / "out")
    position = {key: number for number, key in enumerate(graph.stages)}
    for key, stage in graph.stages.items():
        assert all(position[before.key] < position[key] for before in (*stage.needs, *stage.awaits))
    kinds = Counter(stage.kind for stage in graph.stages.values())
    trainings = 2 * 2 * (1 + 2 * 2)  # classifiers, folds, and N = 0 and two N of two generators
    assert kinds == {
        StageKind.FIT: 2 * 3,
        StageKind.SAMPLE: 2 * 2 * 2,
        StageKind.COPIES: 2 * 2 * 2,
        StageKind.FIDELITY: 2 * 2 * 2,
        StageKind.TRAIN: trainings,
        StageKind.PREDICT: trainings,
    }


def test_damage_is_a_state_of_its_own(values: Values, tmp_path: Path) -> None:
    out = tmp_path / "out"
    values |= {"extractor": [], "synthetic": [0], "generator": [], "set": {}, "fold": [0]}
    run(**values, out=out)
    [training, *_] = [planned.training for planned in graph_of(values, out).trials]
    assert training.state is State.PRESENT
    checkpoint = next(file for file in training.store.folder(training.kind, training.key).iterdir() if file.is_file())
    checkpoint.write_bytes(b"damaged")
    again = next(planned.training for planned in graph_of(values, out).trials)
    assert again.key == training.key and again.state is State.DAMAGED


def test_shots_are_drawn_once_for_all_numbers_of_images(
    values: Values, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[int, str]] = []

    def draw(*args: Any) -> Any:
        drawn.append((args[2].number, args[3]))
        return draw_shots(*args)

    draw_shots = planning.draw_shots
    monkeypatch.setattr(planning, "draw_shots", draw)
    graph = graph_of({**values, "synthetic": [0, 3, 4, 5, 6]}, tmp_path / "out")
    assert graph.missing
    assert sorted(drawn) == [(fold, label) for fold in (0, 1) for label in "ABC"]


def test_blocks_of_images_are_checked_once_however_many_trials_read_them(
    values: Values, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: Callable[..., RunResult]
) -> None:
    out = tmp_path / "out"
    run(**values, out=out)
    for record in (out / "records").glob("*.json"):
        record.unlink()
    for kind in ("train", "fidelity"):
        for manifest in (out / "store" / kind).glob("??/*/stage.json"):
            manifest.unlink()
    checked: Counter[Path] = Counter()

    def digest(path: Path) -> str:
        checked[path] += 1
        return file_digest(path)

    file_digest = image_sets.file_digest
    monkeypatch.setattr(image_sets, "file_digest", digest)
    graph = graph_of(values, out)
    assert {stage.kind for stage in graph.missing.values()} == {StageKind.TRAIN, StageKind.FIDELITY, StageKind.PREDICT}
    assert set(checked.values()) == {1}
