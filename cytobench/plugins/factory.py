"""Making what a plugin offers, with its faults laid at its door."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cytobench.errors import CytobenchError
from cytobench.plugins.faults import REPORT, describe
from cytobench.plugins.lazy import load


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
