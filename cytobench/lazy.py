"""Names of the form ``"module:attribute"``, imported when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def load(name: str) -> Any:
    """Import ``"module:attribute"``; ValueError for another form, ImportError or AttributeError as Python has it."""
    module, separator, attribute = name.partition(":")
    if not (module and separator and attribute):
        raise ValueError(f"{name!r} is not of the form 'module:attribute'")
    return getattr(import_module(module), attribute)
