"""The engine: runs the stages that trials need, in order, on an executor; a failed one fails its dependents alone."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from typing import Any, Protocol

from cytobench.errors import CytobenchError
from cytobench.pipeline.failures import let_go
from cytobench.pipeline.work import Services, Stage, run_stage

logger = logging.getLogger("cytobench")


@dataclass
class Node:
    """A stage to run: built when its turn comes, after what it needs. ``kind`` and ``plugin`` serve the time left."""

    key: str
    kind: str
    plugin: str
    title: str
    build: Callable[[], Stage]
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    """Stages that it waits for, whether they succeed or fail."""
    finished: Callable[[dict[str, Any]], None] = lambda report: None
    failed: Callable[[BaseException], None] = lambda error: None


class Watcher(Protocol):
    """Who is told how the work goes."""

    def started(self, node: Node) -> None: ...

    def progress(self, done: int, total: int) -> None: ...

    def finished(self, node: Node, seconds: float) -> None: ...


class NothingRuns(CytobenchError):
    """No stage can run any more, through no fault of one: raised by an executor, it ends the run."""


class WaitingExecutor(Executor):
    """Runs one call at a time, while ``submit`` waits, so that a stage can tell its progress."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run ``fn`` now; the future is done when this returns. KeyboardInterrupt and NothingRuns pass through."""
        future: Future[Any] = Future()
        try:
            future.set_result(self.call(fn, *args, **kwargs))
        except NothingRuns:
            raise
        except Exception as error:  # it belongs to the future, as with every executor
            future.set_exception(error)
        return future

    @abstractmethod
    def call(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """What ``fn`` returns."""


class SerialExecutor(WaitingExecutor):
    """Runs each call in this process."""

    def call(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call ``fn``."""
        return fn(*args, **kwargs)


@dataclass
class Engine:
    """Runs nodes on an executor, at most ``jobs`` at a time, in the order given as far as needs allow."""

    watcher: Watcher
    executor: Executor = field(default_factory=SerialExecutor)
    jobs: int = 1

    def run(self, nodes: Iterable[Node]) -> None:
        """Run all; each node's ``finished`` or ``failed`` is called in this process."""
        waiting = {node.key: node for node in nodes}
        broken: dict[str, BaseException] = {}
        running: dict[Future[dict[str, Any]], Node] = {}
        while waiting or running:
            self._fail_dependents(waiting, broken)
            for node in _ready(waiting, running)[: self.jobs - len(running)]:
                del waiting[node.key]
                self.watcher.started(node)
                running[self._submit(node)] = node
            if not running:
                continue
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                node = running.pop(future)
                error = future.exception()
                if error is None:
                    report = future.result()
                    node.finished(report)
                    self.watcher.finished(node, report.get("seconds", 0.0))
                else:
                    logger.debug("%s failed", node.title, exc_info=error)
                    broken[node.key] = error
                    node.failed(error)
                    let_go(error)

    def _submit(self, node: Node) -> Future[dict[str, Any]]:
        waits = isinstance(self.executor, WaitingExecutor)
        services = Services(progress=self.watcher.progress) if waits else None
        try:
            return self.executor.submit(run_stage, node.build(), services)
        except NothingRuns:
            raise
        except Exception as error:  # what cannot be built, or handed to a broken pool, has failed like what cannot run
            future: Future[dict[str, Any]] = Future()
            future.set_exception(error)
            return future

    @staticmethod
    def _fail_dependents(waiting: dict[str, Node], broken: dict[str, BaseException]) -> None:
        while True:
            hit = [node for node in waiting.values() if any(need in broken for need in node.needs)]
            if not hit:
                return
            for node in hit:
                cause = next(broken[need] for need in node.needs if need in broken)
                broken[node.key] = cause
                del waiting[node.key]
                node.failed(cause)


def _ready(waiting: Mapping[str, Node], running: Mapping[Any, Node]) -> list[Node]:
    unfinished = {*waiting, *(node.key for node in running.values())}
    return [node for node in waiting.values() if unfinished.isdisjoint((*node.needs, *node.after))]
