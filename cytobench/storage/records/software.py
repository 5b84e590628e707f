"""Which software can change a figure: what a stage says that it was made with, and what rows are marked by."""

from __future__ import annotations

import re
from collections.abc import Mapping

PACKAGES: Mapping[str, str] = {
    "numpy": "numpy",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "PIL": "pillow",
    "torch": "torch",
    "torchvision": "torchvision",
    "timm": "timm",
    "open_clip": "open-clip-torch",
    "diffusers": "diffusers",
    "peft": "peft",
    "transformers": "transformers",
    "torch_fidelity": "torch-fidelity",
    "cv2": "opencv-python",
    "jax": "jax",
    "tensorflow": "tensorflow",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
}
"""Packages that compute, decode or resample, by the name of their module. Others (tables, files, texts) change none."""

PYTHON = "python"


def of_note(packages: Mapping[str, str], python: str) -> dict[str, str]:
    """Of these versions by package those that can change a figure, with Python's own to its second number.

    Names of packages may be spelled in any way that is one to pip.
    """
    known = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in packages.items()}
    versions = {name: known[name] for name in PACKAGES.values() if name in known}
    return {PYTHON: ".".join(python.split(".")[:2]), **versions}
