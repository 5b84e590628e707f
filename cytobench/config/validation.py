"""Validation errors of pydantic in one sentence a user can act on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from pydantic import BaseModel, ValidationError

from cytobench._text import did_you_mean


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Say which key has which wrong value, and the nearest known key for an unknown one."""
    sentences = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            fields = _model_at(model, item["loc"][:-1]).model_fields
            hint, known = did_you_mean(str(item["loc"][-1]), fields), ", ".join(sorted(fields))
            sentences.append(f"no such key: {key}.{hint} Known: {known}.")
        elif item["type"] == "missing":
            sentences.append(f"{key} has no default and must be given.")
        else:
            reason = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
            # What several keys decide together has no key of its own, and its reason names them.
            sentences.append(f"{key} = {item['input']!r} {reason}." if key else f"{reason}.")
    return " ".join(sentences)


def _model_at(model: type[BaseModel], where: Sequence[int | str]) -> type[BaseModel]:
    """The model that a location within ``model`` lies in: a table of a document may be a model of its own."""
    for key in where:
        field = model.model_fields.get(str(key))
        if field is not None:
            kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if isinstance(kind, type)]
            model = next((kind for kind in kinds if issubclass(kind, BaseModel)), model)
    return model
