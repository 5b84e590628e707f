"""``cytobench doctor``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from cytobench.cli.loading import plugin_module_option, plugin_modules
from cytobench.plugins.diverted import prints_to_stderr


@click.command()
@plugin_module_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def doctor(as_json: bool) -> int:
    """Check this machine: versions, devices, folders, plugins, and whether each preset's weights are here."""
    from cytobench.pipeline.doctor import diagnose
    from cytobench.plugins import load_plugins
    from cytobench.plugins.loading import is_strict

    with prints_to_stderr():
        found = diagnose(load_plugins(modules=plugin_modules(), strict=False))
    click.echo(json.dumps(found, indent=1) if as_json else _text(found))
    return 1 if found["problems"] and is_strict() else 0


def _text(found: Mapping[str, Any]) -> str:
    lines = [f"Python {found['python']} on {found['platform']}"]
    if found["git_commit"]:
        lines.append(f"cytobench from commit {found['git_commit']}")
    lines += ["", "Packages"]
    lines += [f"  {name} {number}" for name, number in found["packages"].items()]
    lines += ["", "Devices"]
    for device in found["devices"]:
        memory = f", {device['memory_mib'] / 1024:.1f} GiB" if device["memory_mib"] else ""
        driver = f", driver {device['driver']}" if device["driver"] else ""
        default = "  (default)" if device["default"] else ""
        lines.append(f"  {device['device']}: {device['name']}{memory}{driver}{default}")
    lines += ["", "Folders"]
    for name, at in found["folders"].items():
        lines.append(f"  {name}: {at['path']} ({at['free_gib']:.1f} GiB free)")
    lines += ["", "Plugins"]
    for one in found["plugins"]:
        kind = "built in" if one["built_in"] else "third-party"
        lines.append(f"  {one['plugin']} ({one['distribution']} {one['version']}, {kind})")
    lines += ["", "Weights"]
    for one in found["weights"]:
        state = f"here: {one['path']}" if one["path"] else f"NOT HERE. Ways out: {one['ways_out']}."
        whose = "" if one["built_in"] else f" (third-party, {one['distribution']})"
        lines.append(f"  {one['plugin']}{whose} {one['preset']} {one['asset']} ({one['source']}): {state}")
    if not found["weights"]:
        lines.append("  no installed plugin asks for weights")
    if found["problems"]:
        lines += ["", "Broken plugins", *(f"  {problem}" for problem in found["problems"])]
    return "\n".join(lines)
