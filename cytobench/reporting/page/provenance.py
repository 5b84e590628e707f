"""What ran, on what data, with which versions, and how to run it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cytobench.analysis.comparison.candidates import differing_parts
from cytobench.analysis.leaderboard.rows import replicate_of
from cytobench.config.benchmark import make_benchmark
from cytobench.errors import UserError
from cytobench.plugins import BUILT_IN
from cytobench.reporting.page.gather import Group
from cytobench.reporting.tables import Table, texts
from cytobench.storage.records import Record

NAMED = (
    "cytobench",
    "torch",
    "torchvision",
    "diffusers",
    "transformers",
    "peft",
    "timm",
    "open_clip_torch",
    "scikit-learn",
)
"""Packages whose versions are shown first."""


@dataclass(frozen=True)
class Provenance:
    """What stands behind a section."""

    facts: tuple[tuple[str, str], ...]
    plugins: Table
    packages: Table
    command: str
    toml: str
    """The benchmark that runs it again; empty where the records hold none."""


def provenance(group: Group, names: Sequence[str]) -> Provenance:
    """The provenance of a section; ``names`` are what its folders are called on the page."""
    runs = [record for record in group.records if record.submission is None]
    first = (runs or group.records)[0]
    toml = _toml(first)
    out = names[0] if names else "results"
    command = f"cytobench run benchmark.toml --out {shlex.quote(out)}" if toml else ""
    return Provenance(_facts(group, runs, names), _plugins(group.records), _packages(group.records), command, toml)


def _facts(group: Group, runs: Sequence[Record], names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    section, first = group.section, group.records[0]
    done = sum(record.status == "done" for record in group.records)
    data = first.dataset
    whose = (
        "a folder or manifest"
        if data.distribution is None
        else f"plugin of {data.distribution} {data.version or ''}".strip()
    )
    if data.distribution not in (None, BUILT_IN):
        whose += ", third-party"
    switches = ", ".join(f"{name} = {value}" for name, value in section.switches.items())
    facts = [
        ("results folders", "; ".join(names)),
        ("trials", f"{done} finished, {len(group.records) - done} failed"),
        ("data set", f"{data.name}: {data.n_images:,} images of {len(data.labels)} classes ({whose})"),
        ("digest of the data", data.digest),
        ("grouping", data.grouped),
        ("protocol", f"{section.protocol}, version {section.protocol_version}; {switches or 'no switches on record'}"),
        ("preset", section.preset),
        ("folds", f"{', '.join(map(str, section.folds_declared))} of {section.folds_made}"),
        ("seeds", ", ".join(map(str, section.seeds)) or "not on record"),
        ("device", _joined(record.device.name if record.device else "not on record" for record in group.records)),
        ("number format", _joined(record.dtype or "not on record" for record in group.records)),
        ("commit of cytobench", _joined(record.environment.git_commit or "unknown" for record in group.records)),
        ("Python", _joined(record.environment.python for record in group.records)),
        ("platform", _joined(record.environment.platform for record in group.records)),
        ("ran", _times(runs or group.records)),
    ]
    if first.external_test is not None:
        facts.insert(4, ("outside test set", f"{first.external_test.name}, digest {first.external_test.digest}"))
    return tuple(facts)


def _times(records: Sequence[Record]) -> str:
    return f"{min(record.started for record in records)} to {max(record.finished for record in records)}"


def _plugins(records: Sequence[Record]) -> Table:
    """Every plugin used, with its distribution, what ran, and the digests of its weights."""
    rows: dict[tuple[str, ...], None] = {}
    for record in records:
        plugins = [("generator", record.generator), ("classifier", record.classifier)]
        plugins += [("extractor", plugin.extractor) for plugin in record.fidelity]  # type: ignore[misc]
        for part, plugin in plugins:
            if plugin is None or record.submission:
                continue
            whose = f"{plugin.distribution} {plugin.version}" + (
                "" if plugin.distribution == BUILT_IN else " (third-party)"
            )
            ran = plugin.ran
            what = "did not run" if ran is None else f"{ran.weights}, {ran.architecture}"
            digests = ", ".join(
                f"{name} {weights.digest[:16]} from {weights.source}" for name, weights in plugin.weights.items()
            )
            rows[part, plugin.name, plugin.plugin, whose, str(plugin.revision), what, digests or "none"] = None
    names = ("part", "name", "plugin", "distribution", "revision", "what ran", "weights: name, digest, source")
    return texts(names, sorted(rows), "Plugins")


def _packages(records: Sequence[Record]) -> Table:
    versions: dict[str, dict[str, None]] = {}
    for record in records:
        for name, version in record.environment.packages.items():
            versions.setdefault(name, {})[version] = None
    order = sorted(versions, key=lambda name: (NAMED.index(name) if name in NAMED else len(NAMED), name))
    return texts(("package", "version"), [(name, ", ".join(versions[name])) for name in order], "Packages")


def _toml(record: Record) -> str:
    if record.submission is not None or not record.benchmark:
        return ""
    try:
        return make_benchmark(record.benchmark, f"record {record.trial}").to_toml()
    except UserError:
        return ""


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts))


def merged_notes(group: Group) -> list[str]:
    """What a reader must know of a section whose records come from several runs, machines or people."""
    notes = []
    twice: dict[tuple[str, int, int, str], set[str]] = {}
    for file, record in group.files.items():
        where = replicate_of(record)
        name = record.submission.predictions_digest if record.submission else ""
        twice.setdefault((record.row, where.seed, where.fold, name), set()).add(str(file.parent))
    several = sum(len(folders) > 1 for folders in twice.values())
    if several:
        trials = "1 trial is" if several == 1 else f"{several} trials are"
        notes.append(
            f"{trials} on record in more than one folder: of each the newest finished one counts, never a mean of both."
        )
    for word, values in _versions(group.records).items():
        if len(values) > 1:
            notes.append(
                f"Its trials were made with different versions of {word} ({', '.join(sorted(values))}): "
                "last digits may differ for that reason."
            )
    return notes


def _versions(records: Sequence[Record]) -> dict[str, set[str]]:
    versions: dict[str, set[str]] = {"Python": {record.environment.python for record in records}}
    versions["cytobench's code (commits)"] = {(record.environment.git_commit or "unknown")[:12] for record in records}
    for name in NAMED:
        versions[name] = {record.environment.packages.get(name, "") for record in records} - {""}
    for record in records:
        for plugin in (record.generator, record.classifier):
            if plugin is not None and plugin.distribution != BUILT_IN and not record.submission:
                versions.setdefault(f"the plugin {plugin.name}", set()).add(f"{plugin.distribution} {plugin.version}")
    return versions


def why_apart(groups: Sequence[Group]) -> str:
    """Why several sections are never ranked together: what differs between them."""
    if len(groups) < 2:
        return ""
    differing = differing_parts([group.section for group in groups])
    parts = [f"{part} ({'; '.join(dict.fromkeys(map(_short, values)))})" for part, values in differing.items()]
    what = ", ".join(parts) or "number format, or switches of the protocol"
    return f"{len(groups)} sections, which are never ranked together, for they differ in: {what}."


def _short(value: object) -> str:
    """A value in a few words: a digest by its beginning."""
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value or "")
    return (text[:12] if len(text) == 64 else text) or "none"
