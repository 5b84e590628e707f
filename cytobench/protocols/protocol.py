"""What a protocol is: a frozen set of named switches, and the names of those there are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from cytobench._text import did_you_mean
from cytobench.context import Corners
from cytobench.errors import UserError, option
from cytobench.images import Recolouring, View

Order = Literal["label", "class_name"]
"""How real images are ordered before they are divided: by label or by class name, then by file."""


@dataclass(frozen=True)
class Protocol:
    """One setting of the switches."""

    name: str
    version: int
    shots_from: Literal["train", "all"]
    """Where shots are drawn: the fold's training part, or all images."""
    keep_together: bool
    """Whether copies and groups stay in one part."""
    pooled: bool
    """Whether synthetic images are divided over the parts with the real ones, anew for every number of them."""
    order: Order
    selection: Literal["f1_macro", "loss"]
    """What the picked checkpoint is best in on validation."""
    tested: Literal["picked", "last"]
    """Which checkpoint predicts the test images."""
    crop: float | None
    """Side of the central square that is kept, as a share of the shorter side."""
    crop_pixels: int | None
    """The same in pixels."""
    recoloured: bool
    """Whether images are recoloured as in the study: HED in training; HSV in validation; both in test."""
    synthetic_only: bool = False
    """Whether real images do not train: classifiers learn from synthetic ones alone."""
    balanced: bool = False
    """Whether N is the number of images that each class is topped up to with synthetic ones, or cut to."""
    corners: Corners = "reflected"
    """What stands in the corners that a rotation of a training image opens."""

    @property
    def view(self) -> View:
        """The clean view of an image on its way into a classifier: cropped, nothing else."""
        return View(crop=self.crop, crop_pixels=self.crop_pixels)

    def evaluation_view(self, part: Literal["val", "test"], seed: int) -> View:
        """The view of validation or test images that the protocol scores; recoloured from ``seed`` and position."""
        if not self.recoloured:
            return self.view
        return replace(self.view, recolouring=Recolouring(hsv=True, hed=part == "test", seed=seed))

    @property
    def training_recolouring(self) -> tuple[float, float] | None:
        """Probabilities of HSV and HED recolouring of a training image; None leaves them to the classifier."""
        return (0.0, 1.0) if self.recoloured else None

    @property
    def clean_beside(self) -> bool:
        """Whether scores of the clean real images alone stand beside those of the protocol."""
        return self.pooled or self.recoloured

    @property
    def real_scored(self) -> bool:
        """Whether real images are among those that the protocol itself scores, not beside them alone."""
        return not (self.pooled and self.synthetic_only)

    @property
    def switches(self) -> dict[str, Any]:
        """The switches by name, without the protocol's own name and version, and without later ones that are off."""
        switches = [field for field in fields(self) if field.name not in ("name", "version")]
        return {field.name: value for field in switches if (value := getattr(self, field.name)) != field.default}


PROTOCOLS: Mapping[str, Protocol] = {
    "strict": Protocol(
        name="strict",
        version=1,
        shots_from="train",
        keep_together=True,
        pooled=False,
        order="label",
        selection="f1_macro",
        tested="picked",
        crop=345 / 400,
        crop_pixels=None,
        recoloured=False,
    ),
    "cytodiff": Protocol(
        name="cytodiff",
        version=2,
        shots_from="all",
        keep_together=False,
        pooled=True,
        order="class_name",
        selection="loss",
        tested="last",
        crop=None,
        crop_pixels=345,
        recoloured=True,
        corners="black",
    ),
}


@dataclass(frozen=True)
class Change:
    """A change that a protocol's name can add to it, or take away: ``strict+pooled``, ``cytodiff-crop``."""

    switches: Mapping[str, Any]
    """What it sets; what it takes away is set as ``strict`` has it."""
    says: str
    """What is then so, for tables."""
    version: int = 1
    """The version of what it sets; a protocol that it is added to has at least this one."""

    def holds(self, switches: Mapping[str, Any]) -> bool:
        """Whether a protocol with these switches has it."""
        return all(switches.get(name) == value for name, value in self.switches.items())


CHANGES: Mapping[str, Change] = {
    "pooled": Change({"pooled": True}, "synthetic images are among those validated and tested"),
    "shots": Change({"shots_from": "all"}, "shots may be among the images validated and tested"),
    "copies": Change({"keep_together": False}, "copies and groups are not kept on one side"),
    "checkpoints": Change(
        {"selection": "loss", "tested": "last"},
        "validation is predicted by the epoch of lowest loss, test by the last epoch",
    ),
    "recoloured": Change({"recoloured": True}, "images are recoloured, each part in its own way", version=2),
    "crop": Change(
        {"crop": None, "crop_pixels": 345}, "images are cropped to 345 px, so that cells of larger images are larger"
    ),
    "corners": Change({"corners": "black"}, "rotated training images have black corners, not reflected ones"),
    "synthetic_only": Change({"synthetic_only": True}, "classifiers learn from synthetic images alone"),
    "balanced": Change({"balanced": True}, "N is the number that each class is topped up, or cut, to"),
}


def find_protocol(name: str) -> Protocol:
    """The protocol of this name: ``strict``, ``cytodiff``, or one of them with changes added (+) or taken away (-).

    Its own name has the changes in alphabetical order. Raises UserError with the nearest name and the known ones.
    """
    base, *signed = re.split(r"(?=[+-])", name)
    argument = option("protocol", name)
    if base not in PROTOCOLS:
        hint, known = did_you_mean(base, PROTOCOLS), ", ".join(PROTOCOLS)
        raise UserError(f"{argument}: no such protocol.{hint} Known: {known}.")
    protocol = PROTOCOLS[base]
    for text in sorted(signed, key=lambda text: text[1:]):
        sign, change = text[0], text[1:]
        if change not in CHANGES:
            hint, known = did_you_mean(change, CHANGES), ", ".join(CHANGES)
            raise UserError(f"{argument}: no such change as {text}.{hint} Known: {known}.")
        if CHANGES[change].holds(protocol.switches) == (sign == "+"):
            why = "has it already" if sign == "+" else "does not have it"
            raise UserError(f"{argument}: {text} changes nothing, {protocol.name} {why}.")
        sound = asdict(PROTOCOLS["strict"])
        values = {key: value if sign == "+" else sound[key] for key, value in CHANGES[change].switches.items()}
        version = max(protocol.version, CHANGES[change].version) if sign == "+" else protocol.version
        protocol = replace(protocol, name=f"{protocol.name}{text}", version=version, **values)
    if protocol.synthetic_only and protocol.balanced:
        raise UserError(f"{argument}: without real images all classes have N already; leave out +balanced.")
    return protocol
