"""The executor of a run: stages go to the worker of their plugin, which is kept for the next one."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from cytobench.errors import UserError, option
from cytobench.pipeline.engine import SerialExecutor, WaitingExecutor
from cytobench.pipeline.work import Services, Stage, sweep
from cytobench.pipeline.workers.handle import WorkerHandle
from cytobench.pipeline.workers.limits import Limits

IN_PROCESS = "CYTOBENCH_IN_PROCESS"
"""The environment variable that is the default of ``in_process``: yes, unless it is empty or 0."""


class WorkerExecutor(WaitingExecutor):
    """Runs one stage at a time, each in the worker of its plugin: one a package that offers plugins, started when it is
    first needed and again after it has died."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._workers: dict[str, WorkerHandle] = {}

    def call(
        self,
        fn: Callable[[Stage, Services], dict[str, Any]],
        /,
        stage: Stage,
        services: Services,
    ) -> dict[str, Any]:
        """Run a stage in a worker. Raises WorkFailed, and NothingRuns where no worker can be started."""
        package = stage.work.factory.partition(":")[0].partition(".")[0]
        worker = self._workers.pop(package, None)
        if worker is not None and not worker.alive():
            worker.end()
            worker = None
        worker = worker or WorkerHandle()
        try:
            return worker.run(fn, stage, services, self._limits)
        finally:
            if worker.alive():
                self._workers[package] = worker
            else:
                sweep(stage, worker.pid)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End all workers. There is never a call under way."""
        workers = list(self._workers.values())
        self._workers.clear()
        for worker in workers:
            worker.close()
        for worker in workers:
            worker.end()


def open_executor(
    executor: Executor | None, in_process: bool | None, limits: Limits
) -> AbstractContextManager[Executor]:
    """The executor of a run: the caller's own, which is left open; this process; or workers, the default.

    ``in_process`` None leaves it to the environment. Where the system has no process groups (Windows), it is this
    process. Raises UserError for limits that nothing would watch.
    """
    if in_process is None:
        in_process = os.environ.get(IN_PROCESS, "0") not in ("", "0")
    in_process = in_process or not hasattr(os, "killpg")
    if limits != Limits() and (in_process or executor is not None):
        raise UserError(
            f"{option('trial_timeout')} and {option('memory_limit')} are for plugins that work in processes of their "
            f"own: leave them out, or leave out {option('in_process')} ({IN_PROCESS} in the environment) or the "
            "executor given."
        )
    if executor is not None:
        return nullcontext(executor)
    return SerialExecutor() if in_process else WorkerExecutor(limits)
