"""The engine: order, needs, failures, and several stages at a time."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from cytobench.pipeline.engine import Engine, Node
from cytobench.pipeline.work import Services, Stage


@dataclass
class Piece:
    """A stage that notes when it ran."""

    name: str
    log: list[str]
    error: Exception | None = None
    meet: threading.Barrier | None = None

    def run(self, services: Services) -> dict[str, Any]:
        if self.meet is not None:
            self.meet.wait(timeout=20)
        services.progress(1, 2)
        self.log.append(self.name)
        if self.error is not None:
            raise self.error
        return {"seconds": 0.5, "name": self.name}


@dataclass
class Watch:
    events: list[tuple[Any, ...]] = field(default_factory=list)

    def started(self, node: Node) -> None:
        self.events.append(("started", node.key))

    def progress(self, done: int, total: int) -> None:
        self.events.append(("progress", done, total))

    def finished(self, node: Node, seconds: float) -> None:
        self.events.append(("finished", node.key, seconds))


@dataclass
class Work:
    """Nodes whose stages write to one log."""

    ran: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def node(
        self,
        key: str,
        *needs: str,
        error: Exception | None = None,
        meet: threading.Barrier | None = None,
        build: Callable[[], Stage] | None = None,
    ) -> Node:
        return Node(
            key=key,
            kind="train",
            plugin="p",
            title=key,
            build=build or (lambda: cast(Stage, Piece(key, self.ran, error, meet))),
            needs=needs,
            finished=lambda report: self.finished.append(report["name"]),
            failed=lambda reason: self.failed.__setitem__(key, str(reason)),
        )


def test_stages_run_in_the_order_given_as_far_as_needs_allow() -> None:
    work = Work()
    nodes = [work.node("c", "b"), work.node("a"), work.node("b", "a"), work.node("d")]
    watch = Watch()
    Engine(watch).run(nodes)
    assert work.ran == work.finished == ["a", "b", "c", "d"]
    assert watch.events[:4] == [
        ("started", "a"),
        ("progress", 1, 2),
        ("finished", "a", 0.5),
        ("started", "b"),
    ]


def test_a_stage_is_built_only_after_what_it_needs() -> None:
    work = Work()
    built: list[str] = []

    def build() -> Stage:
        built.extend(work.ran)
        return cast(Stage, Piece("b", work.ran))

    Engine(Watch()).run([work.node("b", "a", build=build), work.node("a")])
    assert built == ["a"]


def test_a_failed_stage_fails_its_dependents_alone() -> None:
    work = Work()
    nodes = [
        work.node("fit", error=RuntimeError("no memory")),
        work.node("sample", "fit"),
        work.node("train", "sample", "other"),
        work.node("other"),
        work.node("baseline", "other"),
    ]
    Engine(Watch()).run(nodes)
    assert work.failed == {"fit": "no memory", "sample": "no memory", "train": "no memory"}
    assert work.finished == ["other", "baseline"]


def test_a_stage_waits_for_what_it_comes_after_whether_that_fails_or_not() -> None:
    work = Work()
    nodes = [
        replace(work.node("record", "train"), after=("good", "bad")),
        work.node("train"),
        work.node("good"),
        work.node("bad", error=RuntimeError("no figures")),
    ]
    Engine(Watch()).run(nodes)
    assert work.ran == ["train", "good", "bad", "record"]
    assert work.failed == {"bad": "no figures"}


class Tensor:
    """Stands for device memory: alive for as long as somebody holds it."""


@pytest.mark.parametrize("wrapped", [False, True])
def test_what_a_failed_stage_held_is_free_before_the_next_one(wrapped: bool) -> None:
    """Else one training that runs out of device memory keeps it, and every later one runs out of it too."""
    work = Work()
    held: list[weakref.ref[Tensor]] = []
    alive: list[bool] = []

    def allocate() -> None:
        activations = Tensor()
        held.append(weakref.ref(activations))
        raise MemoryError("out of device memory")

    class Greedy(Piece):
        def run(self, services: Services) -> dict[str, Any]:
            weights = Tensor()
            held.append(weakref.ref(weights))
            try:
                allocate()
            except MemoryError as error:
                if wrapped:
                    raise RuntimeError("the training failed") from error
                raise
            return {}

    class Next(Piece):
        def run(self, services: Services) -> dict[str, Any]:
            alive.extend(reference() is not None for reference in held)
            return super().run(services)

    greedy, after = cast(Stage, Greedy("a", work.ran)), cast(Stage, Next("b", work.ran))
    gc.disable()  # memory that waits for the collector is memory a device lacks
    try:
        Engine(Watch()).run([work.node("a", build=lambda: greedy), work.node("b", build=lambda: after)])
    finally:
        gc.enable()
    assert list(work.failed) == ["a"] and work.finished == ["b"]
    assert alive == [False, False]


def test_a_stage_that_cannot_be_built_fails_like_one_that_cannot_run() -> None:
    work = Work()

    def build() -> Stage:
        raise ValueError("no such file")

    Engine(Watch()).run([work.node("a", build=build), work.node("b", "a"), work.node("c")])
    assert work.failed == {"a": "no such file", "b": "no such file"}
    assert work.finished == ["c"]


def test_a_need_that_is_not_among_the_nodes_is_already_there() -> None:
    work = Work()
    Engine(Watch()).run([work.node("b", "found in the store")])
    assert work.finished == ["b"]


def test_nothing_to_do_ends_at_once() -> None:
    Engine(Watch()).run([])


def test_ctrl_c_stops_the_run() -> None:
    work = Work()

    def build() -> Stage:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Engine(Watch()).run([work.node("a", build=build), work.node("b")])
    assert work.ran == []
    assert work.failed == {}


def test_two_jobs_run_together_and_dependents_wait() -> None:
    """Both stages wait for each other, so that the run ends only if they run at the same time."""
    work, meet = Work(), threading.Barrier(2)
    nodes = [work.node("a", meet=meet), work.node("c", "a", "b"), work.node("b", meet=meet)]
    with ThreadPoolExecutor(4) as pool:
        Engine(Watch(), pool, jobs=2).run(nodes)
    assert set(work.ran[:2]) == {"a", "b"}
    assert work.ran[2] == "c"
    assert len(work.finished) == 3


class Counting(Executor):
    """Counts how many calls are unfinished at once."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.pool, self.open, self.most = pool, 0, 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.open += 1
        self.most = max(self.most, self.open)
        future = self.pool.submit(fn, *args, **kwargs)
        future.add_done_callback(lambda _: setattr(self, "open", self.open - 1))
        return future


def test_no_more_than_jobs_at_a_time() -> None:
    work = Work()
    with ThreadPoolExecutor(8) as pool:
        counting = Counting(pool)
        Engine(Watch(), counting, jobs=2).run([work.node(str(i)) for i in range(12)])
    assert counting.most == 2
    assert len(work.finished) == 12
