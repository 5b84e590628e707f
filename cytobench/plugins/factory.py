"""Importing and making what a plugin offers (``"module:attribute"``), with its faults laid at its door."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from cytobench.errors import CytobenchError
from cytobench.plugins.diverted import prints_to_stderr
from cytobench.plugins.faults import REPORT, describe


def make(factory: str, configs: Sequence[Any], called: str) -> Any:
    """The object that ``factory`` (``"module:Class"``) makes of these configurations; imports its module.

    Raises CytobenchError that names the plugin as ``called``, whatever a stranger's code raises, ``sys.exit`` too.
    """
    try:
        return load(factory)(*configs)
    except (CytobenchError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise CytobenchError(f"plugin {called}: making {factory} {describe(error)}. {REPORT}.") from error


def load(name: str) -> Any:
    """Import ``"module:attribute"``; what the import prints goes to stderr.

    Raises ValueError for another form, ImportError or AttributeError as Python has it, and what the import raises.
    """
    module, separator, attribute = name.partition(":")
    if not (module and separator and attribute):
        raise ValueError(f"{name!r} is not of the form 'module:attribute'")
    with prints_to_stderr():
        return getattr(import_module(module), attribute)
