"""Roles in records that name none, which were written before specs had roles.

The one place of the core that knows plugins by name: three of cytobench's own, as they were then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BEFORE: Mapping[str, Mapping[str, str]] = {
    "repeat": {"role": "control", "images_are": "copies of the shots"},
    "oracle": {"role": "oracle"},
    "random": {"role": "control"},
}


def with_role(values: Any) -> Any:
    """The values of a generator or classifier of a record, with the role that its plugin had; others as they are."""
    if isinstance(values, dict) and "role" not in values and values.get("distribution") == "cytobench":
        return {**_BEFORE.get(values.get("plugin", ""), {}), **values}
    return values
