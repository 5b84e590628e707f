"""The keys of a record as a Markdown table, from the schema: ``python -m cytobench.storage.records.describe``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from cytobench.storage.records.model import Record


def keys_table() -> str:
    """One line a key, nested keys with dots; ``[]`` marks a list, ``{}`` a mapping whose keys are names."""
    lines = [f"| `{key}` | {meaning} |" for key, meaning in _keys(Record, "")]
    return "\n".join(["| key | meaning |", "|---|---|", *lines])


def _keys(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        inner, mark = _inner(field.annotation)
        yield f"{prefix}{name}{mark}", (field.description or "").replace("|", "\\|")
        if inner is not None:
            yield from _keys(inner, f"{prefix}{name}{mark}.")


def _inner(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """The model inside an annotation, and whether it stands in a list or a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    for argument in get_args(annotation):
        model, _ = _inner(argument)
        if model is not None:
            origin = getattr(annotation, "__origin__", None)
            return model, "[]" if origin is list else "{}" if origin is dict else ""
    return None, ""


if __name__ == "__main__":
    print(keys_table())
