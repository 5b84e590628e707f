"""Checks of a plugin's options: what is written into a results folder comes back, and nonsense is refused."""

from __future__ import annotations

import json
import math
import pickle
import tomllib
from typing import Any

import tomli_w
from pydantic import ValidationError

from cytobench.config.options import plain_settings
from cytobench.contract import PluginConfig
from cytobench.testing.checks import Check, require
from cytobench.testing.subject import Offered

NONSENSE: tuple[Any, ...] = ("¿nonsense?", {"¿": ["¿"]}, [["¿"]], -(10**9))
"""Values of four types; an option that takes every one of them says nothing about what it takes."""


def round_trip(subject: Offered) -> None:
    """Settings through TOML as a results folder holds them, through JSON as keys do, and configurations pickled."""
    settings = {key: value for config in subject.configs for key, value in plain_settings(config).items()}
    try:
        json.dumps(settings, allow_nan=False)
        text = tomli_w.dumps({key: value for key, value in settings.items() if value is not None})
    except (TypeError, ValueError) as error:
        require(False, f"the options {settings} cannot be written: {error}")
    again = subject.configured(tomllib.loads(text))
    for config, read in zip(subject.configs, again, strict=True):
        require(config == read, f"{config!r} came back from TOML as {read!r}")
        # Executors send configurations to other processes; nothing is read here but what was written a moment before.
        require(config == pickle.loads(pickle.dumps(config)), f"{config!r} came back from a pickle as another")
        _frozen(config)
        for preset in type(config).presets:
            subject.configured(subject.target.values, preset)


def _frozen(config: PluginConfig) -> None:
    for name in type(config).model_fields:
        try:
            setattr(config, name, getattr(config, name))
        except ValidationError:
            continue
        require(False, f"{type(config).__name__}.{name} can be set after the configuration was made")


def nonsense(subject: Offered) -> None:
    """Unknown options, options of no sensible type, and numbers that are none."""
    for config in subject.configs:
        kind = type(config).__name__
        require(_refused(config, {"no_such_option": 1}), f"{kind} takes the unknown option no_such_option")
        for name in type(config).model_fields:
            taken = [value for value in NONSENSE if not _refused(config, {name: value})]
            require(len(taken) < len(NONSENSE), f"{kind}.{name} takes anything, even {NONSENSE[1]!r}")
            for number in (math.nan, math.inf):
                require(_refused(config, {name: number}), f"{kind}.{name} takes {number}")


def _refused(config: PluginConfig, change: dict[str, Any]) -> bool:
    """Whether a change is refused as pydantic refuses; what else a validator raises is no refusal and goes up."""
    try:
        type(config)(**{**config.model_dump(), **change})
    except ValidationError:
        return True
    return False


OPTIONS = (
    Check(
        "options-round-trip",
        "options are frozen and come back from TOML, JSON and a pickle as they were; every preset is valid",
        round_trip,
    ),
    Check(
        "options-nonsense",
        "unknown options, options of no sensible type, not-a-number and infinity are refused",
        nonsense,
    ),
)
