"""What a stage is given besides its images."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cytobench.assets import Asset

Corners = Literal["reflected", "black"]
"""What stands in the corners that a rotation opens."""


class Stopped(Exception):
    """Raised by :meth:`Context.check_stop` when the user asked the run to stop."""


@contextmanager
def untimed(_part: str) -> Iterator[None]:
    """Book nothing."""
    yield


@dataclass
class Context:
    """Seed, device, output folder and services of one stage.

    ``seed`` is this stage's own (0 .. 2**63 - 1). ``device`` is a torch device string, ``dtype`` ``float32``,
    ``float16`` or ``bfloat16``. A plugin writes nothing outside ``out`` and never touches the network: what it
    needs is in ``assets``.
    """

    seed: int
    device: str
    dtype: str
    out: Path
    workers: int = 0
    labels: tuple[str, ...] = ()
    selection: Literal["f1_macro", "loss"] = "f1_macro"
    """What the protocol picks the checkpoint by on validation: best macro F1, or lowest loss."""
    recolouring: tuple[float, float] | None = None
    """Probabilities of HSV and HED recolouring of a training image, where the protocol fixes them."""
    corners: Corners = "reflected"
    """How the protocol has the corners filled that a rotation of a training image opens."""
    train_only: tuple[str, ...] = ()
    """Classes that help to train and that no score counts; no validation image is of them."""
    fold: int | None = None
    """The fold, for generators that declare ``per_fold`` alone; None for all others."""
    assets: Mapping[str, Asset] = field(default_factory=dict)
    logger: logging.Logger = field(default_factory=lambda: logging.getLogger("cytobench"))
    progress: Callable[[int, int], None] = lambda done, total: None
    stop: Callable[[], bool] = lambda: False
    time: Callable[[str], AbstractContextManager[None]] = untimed
    """``with ctx.time("load"):`` books a part of the stage's time under a name, device synchronised."""

    def check_stop(self) -> None:
        """Raise :class:`Stopped` if the user asked to stop; call it once a step."""
        if self.stop():
            raise Stopped
