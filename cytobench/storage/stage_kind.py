"""The kinds of stages, as content addresses, stores and records name them."""

from __future__ import annotations

from enum import StrEnum


class StageKind(StrEnum):
    """A timed step of a trial."""

    FIT = "fit"
    """A generator is tuned on shots."""
    SAMPLE = "sample"
    """A generator makes images."""
    COPIES = "copies"
    """Synthetic images are compared with all real ones."""
    FIDELITY = "fidelity"
    """Synthetic images are measured against real ones."""
    TRAIN = "train"
    """A classifier is trained."""
    PREDICT = "predict"
    """A classifier predicts."""
