"""What is kept of an exception: texts, without the frames behind it and what they hold."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from cytobench.errors import CytobenchError


@dataclass(frozen=True)
class Failure:
    """An exception as a record keeps it; picklable whatever the exception was."""

    type: str
    message: str
    traceback: str


class WorkFailed(CytobenchError):
    """A stage failed in another process, which tells it by its failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def failure_of(error: BaseException) -> Failure:
    """The failure that an exception is, or that it tells of."""
    if isinstance(error, WorkFailed):
        return error.failure
    return Failure(type(error).__name__, _message(error), "".join(traceback.format_exception(error)))


def let_go(error: BaseException | None) -> None:
    """Drop what the frames behind an error hold: models and tensors that the next stage needs the memory of."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as fault:  # a stranger's exception, whose text must not hide that it was raised
        return f"its message cannot be had: {type(fault).__name__}"
