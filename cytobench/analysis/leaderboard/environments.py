"""What the trials of one row were made with, where it differs between them: versions and devices change last digits."""

from __future__ import annotations

from collections.abc import Sequence

from cytobench.analysis.leaderboard.model import Environment, Replicate
from cytobench.storage.records import Record
from cytobench.storage.records.software import of_note
from cytobench.storage.stage_kind import StageKind


def environments(records: Sequence[tuple[Replicate, Record]]) -> tuple[Environment, ...]:
    """The replicates of a row by what they were made with, of which only what differs; empty where all are alike.

    A stage is made with what was there when it ran, and it may have been found done. One that does not say it, from
    before that was recorded, is taken to be made with what its record names. What one trial alone does not tell is no
    difference.
    """
    made_with = {where: _made_with(record) for where, record in records if record.submission is None}
    names = sorted({name for facts in made_with.values() for name in facts})
    differing = [name for name in names if len({facts[name] for facts in made_with.values() if name in facts}) > 1]
    groups: dict[tuple[tuple[str, str], ...], list[Replicate]] = {}
    for where, facts in made_with.items():
        groups.setdefault(tuple((name, facts[name]) for name in differing if name in facts), []).append(where)
    return tuple(Environment(tuple(sorted(places)), facts) for facts, places in groups.items()) if differing else ()


def _made_with(record: Record) -> dict[str, str]:
    """What a trial's figures come from, by name; several values where its stages were made with several."""
    named = of_note(record.environment.packages, record.environment.python)
    facts: dict[str, set[str]] = {}
    for stage in record.stages:
        if stage.kind == StageKind.FIDELITY:
            continue
        for name, version in (stage.software or named).items():
            facts.setdefault(name, set()).add(version)
        facts.setdefault("device", set()).add(stage.device)
    for plugin in (record.generator, record.classifier):
        if plugin is not None:
            facts.setdefault(plugin.distribution, set()).add(plugin.version)
    return {name: " and ".join(sorted(values)) for name, values in facts.items()}
