"""What the copying test is given, and what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cytobench.metrics.copying.pixels import Pictures

LEVEL = 0.05
"""At which p the synthetic images count as closer to the shots than held-out images are."""

CLOSER = "closer to the shots than held-out images are: memorised, or narrow"
"""What the permutation test finds. A Gaussian that is fitted to the shots is found too, and copies none of them."""


@dataclass(frozen=True)
class Features:
    """n images of one class as an extractor sees them.

    ``values`` is (n, d), finite. ``groups`` are the patients or slides, None or "" where one is not known; ``digests``
    are digests of decoded pixels; ``images`` gives image i as RGB uint8 (height, width, 3), in one view for all parts,
    and is read one image at a time. Each is None where nothing is known.
    """

    values: NDArray[np.floating]
    groups: Sequence[str | None] | None = None
    digests: Sequence[str] | None = None
    images: Pictures | None = None

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Pair:
    """A synthetic image and the shot that it is close to, both by their position in what was given.

    ``space`` says what they are close in. In ``features``, ``distance`` is the test's ratio r, 0 to 1. In ``pixels`` it
    is the difference of :mod:`cytobench.metrics.copying.pixels`, 0 to 2, of the shot after ``transform``, one of
    :data:`cytobench.metrics.copying.pixels.TRANSFORMS` (None in features).
    """

    space: Literal["features", "pixels"]
    synthetic: int
    shot: int
    distance: float
    transform: str | None = None


@dataclass(frozen=True)
class Copying:
    """What the copying test says of one class. The p-values are None where it is not testable."""

    testable: bool
    reason: str | None
    """Why it is not testable."""
    p_value: float | None
    """Of the sum of -log r over the synthetic images whose nearest image is a shot."""
    p_max: float | None
    """Of the largest such sum of a single shot."""
    p_combined: float | None
    """Of the smaller of the two, which is permuted too: the one figure that the verdict rests on."""
    p_holm: float | None
    """``p_combined`` after Holm's correction over classes; None before :func:`cytobench.metrics.copying.holm`."""
    n_classes: int
    """Classes that Holm's correction is over: those that are testable; 1 before it."""
    smallest_p: float | None
    """The smallest p that these numbers of images and permutations allow, before Holm's correction."""
    smallest_p_one_shot: float | None
    """About the smallest p that copies of one shot alone can bring, however many: its chance to be among the shots."""
    permutations: int
    """Labellings that the observed one is compared with: all others, where there are fewer than asked for."""
    n_shots: int
    n_shots_tested: int
    """Shots whose labels can move: those of groups that have held-out images too."""
    n_held_out: int
    n_synthetic: int
    near_copies: float | None
    """Share of synthetic images that are near-copies of a shot in pixels; None without images."""
    near_copies_held_out: float | None
    """The same of held-out images, which the generator has not seen: were it as high, shots would be no exception."""
    pairs: tuple[Pair, ...]
    """The closest synthetic images and shots, in features, then in pixels, each with the closest first."""

    @property
    def outcome(self) -> str:
        """The verdict without its figures.

        ``copies found`` where images are near-copies in pixels, whatever the permutation test says; else what that
        says: ``closer to the shots``, ``not found at this power`` or ``not testable``.
        """
        p = self.p_combined if self.p_holm is None else self.p_holm
        if self.n_near_copies:
            return "copies found"
        if not self.testable or p is None:
            return "not testable"
        return "closer to the shots" if p <= LEVEL else "not found at this power"

    @property
    def verdict(self) -> str:
        """What was found, in one sentence; it never says that there are no copies."""
        power = (
            f"{self.n_shots} shots, {self.n_held_out} held-out and {self.n_synthetic} synthetic images, "
            f"{self.permutations} permutations"
        )
        copies = in_pixels(self.n_near_copies, self.n_near_copies_held_out)
        if not self.testable:
            return f"{copies}not testable: {self.reason} ({power})"
        assert self.p_combined is not None and self.smallest_p is not None
        p = self.p_combined if self.p_holm is None else self.p_holm
        power += f", smallest p attainable {self.smallest_p:.2g}"
        if self.n_classes > 1:
            power += (
                f" before and {min(1, self.n_classes * self.smallest_p):.2g} after Holm over {self.n_classes} classes"
            )
        if p <= LEVEL:
            return f"{copies}{CLOSER}: p {p:.2g} ({power})"
        if self.smallest_p_one_shot is not None and self.smallest_p_one_shot > LEVEL:
            power += f", with copies of one shot alone about {self.smallest_p_one_shot:.2g}"
        return f"{copies}copying not found at this power: p {p:.2g} ({power})"

    @property
    def n_near_copies(self) -> int | None:
        """How many of the synthetic images ``near_copies`` are."""
        return None if self.near_copies is None else round(self.near_copies * self.n_synthetic)

    @property
    def n_near_copies_held_out(self) -> int | None:
        """How many of the synthetic images ``near_copies_held_out`` are."""
        return None if self.near_copies_held_out is None else round(self.near_copies_held_out * self.n_synthetic)

    def as_json(self) -> dict[str, Any]:
        """All fields and the verdict, ready for JSON."""
        return {**asdict(self), "verdict": self.verdict}


def in_pixels(close: int | None, control: int | None) -> str:
    """How a verdict begins where synthetic images are near-copies of a shot; "" for none of them."""
    if not close:
        return ""
    images = "1 synthetic image is a near-copy" if close == 1 else f"{close} synthetic images are near-copies"
    beside = "" if control is None else f", {control} of a held-out image"
    return f"copies found: {images} of a shot in pixels{beside}; "
