"""What a worker does: a plugin's work, stage after stage; it ends with the run that started it."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from logging.handlers import QueueHandler
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import NoReturn

from cytobench.errors import on_the_command_line
from cytobench.pipeline.failures import Failure, failure_of, let_go
from cytobench.pipeline.work import Services
from cytobench.pipeline.workers.messages import Done, Message, Progress, Ready

_EVERY = 0.1
"""Seconds between two messages of progress: a bar is drawn no more often."""


def serve(connection: Connection, output: Connection, start_method: str | None) -> None:
    """The life of a worker: jobs come in on ``connection``, messages go out; ``output`` takes stdout and stderr.

    ``start_method`` is how the run starts processes by default, and plugins with it: those that load images for them
    would be spawned too, and import torch each.
    """
    os.setsid()  # a group of its own: Ctrl-C in the terminal is the run's, and the group is ended as a whole
    multiprocessing.set_start_method(start_method, force=True)
    _redirect(output)
    _prepare_for_the_end()
    outbox = _Outbox(connection)
    logging.getLogger().addHandler(QueueHandler(outbox))  # type: ignore[arg-type]  # of a queue it wants one method
    outbox.send(Ready())
    with contextlib.suppress(EOFError, OSError, _Ended):  # the run has no more work, or is gone
        while True:
            outbox.answer(_outcome(connection.recv_bytes(), outbox))


class _Ended(BaseException):
    """The run wants this worker to end: unwinds the plugin's work, so that what it holds is put away."""


class _Outbox:
    """Sends messages, from any thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._progress_sent = 0.0

    def send(self, message: Message) -> None:
        """Send; raises what pickle does."""
        data = pickle.dumps(message)
        with self._lock:
            self._connection.send_bytes(data)

    def answer(self, outcome: Done | Failure) -> None:
        """Send how a stage went, or why that cannot be told."""
        try:
            self.send(outcome)
        except OSError:
            raise
        except Exception as error:  # a report that holds what cannot be pickled
            self.send(failure_of(error))

    def put_nowait(self, record: logging.LogRecord) -> None:
        """Send a record of a logger; the name is that of a queue."""
        self.send(record)

    def progress(self, done: int, total: int) -> None:
        """Send progress, unless some was sent just now."""
        now = time.monotonic()
        if done >= total or now - self._progress_sent >= _EVERY:
            self._progress_sent = now
            self.send(Progress(done, total))


def _outcome(data: bytes, outbox: _Outbox) -> Done | Failure:
    job = None
    try:
        job = pickle.loads(data)
        for name, level in job.levels.items():
            logging.getLogger(name).setLevel(level)
        with on_the_command_line(job.command_line):
            return Done(job.call(job.stage, Services(progress=outbox.progress)))
    except _Ended:
        raise
    except BaseException as error:  # a SystemExit of a plugin's, too, is that plugin's failure
        failure = failure_of(error)
        let_go(error)
        return failure
    finally:
        if job is not None and job.stage.work.device != "cpu":
            _release_device()


def _release_device() -> None:
    """Give memory back to the accelerator, where other plugins' workers need it."""
    gc.collect()
    if "torch" in sys.modules:
        import torch

        if torch.accelerator.is_available():
            torch.accelerator.memory.empty_cache()


def _redirect(output: Connection) -> None:
    """Send stdout and stderr, of native code as well, to the run: its stdout is for results."""
    for standard in (1, 2):
        os.dup2(output.fileno(), standard)
    output.close()
    if sys.stdout is not None:
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _prepare_for_the_end() -> None:
    """Say where it happened if a fatal signal ends the process, and end with the run."""
    faulthandler.enable(all_threads=False)  # of the thread that it happened in
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # the run blocked it while this process started
    signal.signal(signal.SIGTERM, _end)
    # Told by C code, which a plugin that hangs cannot keep from running; then goes on to _end. Of all threads, for the
    # one that gets the signal need not be the one that hangs.
    faulthandler.register(signal.SIGTERM, all_threads=True, chain=True)
    os.register_at_fork(after_in_child=_be_an_ordinary_process)
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    # Where the system runs out of memory, it is to end a worker and not the run.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise _Ended


def _be_an_ordinary_process() -> None:
    """In processes that a plugin forks: SIGTERM ends them without a word."""
    faulthandler.unregister(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end_with_the_run() -> None:
    run = parent_process()
    assert run is not None  # a worker is always started by a run
    run.join()
    os.killpg(os.getpgrp(), signal.SIGKILL)
