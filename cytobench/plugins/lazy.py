"""Names of the form ``"module:attribute"``, imported when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from cytobench.plugins.diverted import prints_to_stderr


def load(name: str) -> Any:
    """Import ``"module:attribute"``; what the import prints goes to stderr.

    Raises ValueError for another form, ImportError or AttributeError as Python has it, and what the import raises.
    """
    module, separator, attribute = name.partition(":")
    if not (module and separator and attribute):
        raise ValueError(f"{name!r} is not of the form 'module:attribute'")
    with prints_to_stderr():
        return getattr(import_module(module), attribute)
