"""Validation errors of pydantic in one sentence a user can act on."""

from __future__ import annotations

from difflib import get_close_matches

from pydantic import BaseModel, ValidationError


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Say which key has which wrong value, and the nearest known key for an unknown one."""
    sentences = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            near = get_close_matches(str(item["loc"][-1]), model.model_fields, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            known = ", ".join(sorted(model.model_fields))
            sentences.append(f"no such key: {key}.{hint} Known: {known}.")
        elif item["type"] == "missing":
            sentences.append(f"{key} has no default and must be given.")
        else:
            reason = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
            sentences.append(f"{key} = {item['input']!r} {reason}.")
    return " ".join(sentences)
