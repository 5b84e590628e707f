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
        diagnosis = diagnose(load_plugins(modules=plugin_modules(), strict=False))
    click.echo(json.dumps(diagnosis, indent=1) if as_json else _text(diagnosis))
    return 1 if diagnosis["problems"] and is_strict() else 0


def _text(diagnosis: Mapping[str, Any]) -> str:
    lines = [f"Python {diagnosis['python']} on {diagnosis['platform']}"]
    if diagnosis["git_commit"]:
        lines.append(f"cytobench from commit {diagnosis['git_commit']}")
    lines += ["", "Packages"]
    lines += [f"  {name} {number}" for name, number in diagnosis["packages"].items()]
    lines += ["", "Devices"]
    for device in diagnosis["devices"]:
        memory = f", {device['memory_mib'] / 1024:.1f} GiB" if device["memory_mib"] else ""
        driver = f", driver {device['driver']}" if device["driver"] else ""
        default = "  (default)" if device["default"] else ""
        lines.append(f"  {device['device']}: {device['name']}{memory}{driver}{default}")
    lines += ["", "Folders"]
    for name, at in diagnosis["folders"].items():
        lines.append(f"  {name}: {at['path']} ({at['free_gib']:.1f} GiB free)")
    lines += ["", "Plugins"]
    for plugin in diagnosis["plugins"]:
        kind = "built in" if plugin["built_in"] else "third-party"
        lines.append(f"  {plugin['plugin']} ({plugin['distribution']} {plugin['version']}, {kind})")
    lines += ["", "Weights"]
    for asset in diagnosis["weights"]:
        state = f"here: {asset['path']}" if asset["path"] else f"NOT HERE. Ways out: {asset['ways_out']}."
        whose = "" if asset["built_in"] else f" (third-party, {asset['distribution']})"
        lines.append(f"  {asset['plugin']}{whose} {asset['preset']} {asset['asset']} ({asset['source']}): {state}")
    if not diagnosis["weights"]:
        lines.append("  no installed plugin asks for weights")
    if diagnosis["problems"]:
        lines += ["", "Broken plugins", *(f"  {problem}" for problem in diagnosis["problems"])]
    return "\n".join(lines)
