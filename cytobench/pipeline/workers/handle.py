"""A worker as the run sees it: one process, watched while it works, ended with all it has started."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context, get_start_method
from multiprocessing.connection import wait
from types import ModuleType
from typing import Any

from cytobench.errors import is_on_the_command_line, option
from cytobench.pipeline.engine import NothingRuns
from cytobench.pipeline.failures import Failure, WorkFailed
from cytobench.pipeline.work import Services, Stage
from cytobench.pipeline.workers.limits import Limits, Watch
from cytobench.pipeline.workers.messages import Done, Job, Message, Progress, Ready
from cytobench.pipeline.workers.output import Output
from cytobench.pipeline.workers.serve import serve

_LOGGERS = ("", "cytobench")
"""The loggers whose levels are the run's in a worker too: the root and ours."""
_GRACE = 2.0
"""Seconds that a worker has to put things away when it is to end."""
_IN_NATIVE_CODE = "native code that it uses has crashed; the record says below which line"
_CAUSES = {
    "SIGKILL": "the system does that where it runs out of memory: let it work on smaller batches",
    **dict.fromkeys(("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT"), _IN_NATIVE_CODE),
}


class WorkerDied(WorkFailed):
    """A worker ended, or was ended, before its stage was done."""

    def __init__(self, message: str, output: str) -> None:
        last_lines = f"The last lines on stderr:\n{output}" if output else "Nothing was written on stderr."
        super().__init__(Failure(type(self).__name__, message, last_lines))


class WorkerHandle:
    """One process. Raises :class:`~cytobench.pipeline.engine.NothingRuns` where it cannot be started."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self._connection, jobs = context.Pipe()
        reader, output = context.Pipe(duplex=False)
        self._output = Output(reader)
        arguments = (jobs, output, get_start_method(allow_none=True))
        self._process = context.Process(target=serve, args=arguments, name="cytobench worker")
        try:
            with _interrupts_blocked(), _main_left_out():
                self._process.start()
        except (OSError, AssertionError) as error:  # multiprocessing asserts that a daemon starts no process
            raise NothingRuns(f"no process can be started for a plugin: {error}. {_way_out()}") from error
        jobs.close()
        output.close()
        try:
            ready = isinstance(self._next_message(Watch(self.pid, Limits())), Ready)
        except BaseException:
            self.end()
            raise
        if not ready:
            self.end()
            raise NothingRuns(f"the process for a plugin {self._how_it_ended()[0]} before it began. {_way_out()}")

    @property
    def pid(self) -> int:
        """The number of the process, and of its group."""
        assert self._process.pid is not None  # it was started
        return self._process.pid

    def alive(self) -> bool:
        """Whether it can take a stage."""
        return self._process.is_alive()

    def run(
        self, call: Callable[[Stage, Services], dict[str, Any]], stage: Stage, services: Services, limits: Limits
    ) -> dict[str, Any]:
        """The report of a stage. Raises :class:`~cytobench.pipeline.failures.WorkFailed`.

        The process stays for the next stage if it could answer; else it is gone, whatever is raised.
        """
        levels = {name: logging.getLogger(name).level for name in _LOGGERS}
        job = pickle.dumps(Job(call, stage, levels, is_on_the_command_line()))
        self._output.forget()
        try:
            outcome = self._outcome(job, services, Watch(self.pid, limits))
        except BaseException:
            self.end()
            raise
        if isinstance(outcome, Done):
            return outcome.report
        if isinstance(outcome, Failure):
            raise WorkFailed(outcome)
        self.end()
        reason = outcome or ": ".join(self._how_it_ended())
        plugin = f"{stage.work.plugin} ({stage.work.origin})"
        raise WorkerDied(f"{stage.kind}: {plugin} {reason}.", self._output.last_lines())

    def close(self) -> None:
        """Tell an idle worker that there is no more work; it ends by itself while others are told."""
        self._connection.close()

    def end(self) -> None:
        """End the process and its whole group: at once if it does not put things away in time."""
        try:
            if not self._connection.closed:
                self._process.terminate()
            deadline = time.monotonic() + _GRACE
            while self._process.is_alive() and time.monotonic() < deadline:
                self._output.take(wait([self._process.sentinel, *self._output.pipes()], 0.1), show=False)
            self._output.take(wait(self._output.pipes(), 0), show=False)
        finally:
            self._process.kill()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.join()
            self._connection.close()
            self._output.close()

    def _outcome(self, job: bytes, services: Services, watch: Watch) -> Done | Failure | str | None:
        """How a stage went; the limit that was passed; None where the process is gone."""
        with contextlib.suppress(BrokenPipeError):  # it is found gone below
            self._connection.send_bytes(job)
        while True:
            message = self._next_message(watch)
            match message:
                case Done() | Failure():
                    return message
                case Progress():
                    services.progress(message.done, message.total)
                case logging.LogRecord():
                    logger = logging.getLogger(message.name)
                    if logger.isEnabledFor(message.levelno):
                        logger.handle(message)
                case _:
                    return watch.passed
            if watch.look():
                return watch.passed

    def _next_message(self, watch: Watch) -> Message | None:
        """The next message; None where a limit is passed, or the process is gone."""
        while True:
            ready = wait([self._connection, self._process.sentinel, *self._output.pipes()], watch.pause())
            self._output.take(ready, show=True)
            if self._connection in ready:
                try:
                    message: Message = pickle.loads(self._connection.recv_bytes())
                except (EOFError, OSError):
                    self._process.join(_GRACE)  # its exit code is there a moment later
                    return None
                return message
            # What it has started may hold its pipes open, so that they do not tell.
            if self._process.sentinel in ready or not self._process.is_alive():
                self._process.join(_GRACE)
                return None
            if watch.look():
                return None

    def _how_it_ended(self) -> tuple[str, str]:
        """How, and what that means."""
        code = self._process.exitcode
        if code is None or code >= 0:
            return f"ended with exit code {code}", "a plugin that fails must raise an error"
        name = signal.Signals(-code).name
        return f"was killed by {name}", _CAUSES.get(name, "somebody sent that to its process")


def _way_out() -> str:
    return f"Let plugins work in this process with {option('in_process', True)}."


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """A process that is started now is not stopped by Ctrl-C in the terminal before it has left the run's group."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _main_left_out() -> Iterator[None]:
    """A process that is started now does not import the user's script.

    Else each one would run a script again whose top level calls ``cytobench.run``, and plugins have no need of it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
