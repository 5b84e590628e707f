"""``cytobench plugin``: for authors of plugins."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cytobench.cli.loading import plugin_module_option, plugins_for_command
from cytobench.plugins.scaffold.kinds import KINDS as NEW
from cytobench.plugins.scaffold.kinds import ROLES
from cytobench.plugins.scaffold.licences import DEFAULT_LICENCE, LICENCES

if TYPE_CHECKING:
    from cytobench.contract import Role

NAMES = ("plugin", *NEW)


@click.group("plugin")
def plugin() -> None:
    """For authors of plugins: begin one, and check that it keeps the rules."""


@plugin.command("new", short_help="Write a whole plugin that works, to be changed.")
@click.argument("name")
@click.option("--kind", type=click.Choice(tuple(NEW)), required=True, help="What it offers, or that it observes runs.")
@click.option("--role", type=click.Choice(ROLES), help="Of a generator or classifier. [candidate]")
@click.option("--out", type=click.Path(path_type=Path), default=Path(), metavar="DIR", help="[the current folder]")
@click.option("--license", "licence", type=click.Choice(LICENCES), default=DEFAULT_LICENCE, show_default=True)
@plugin_module_option
def new_command(name: str, kind: str, role: Role | None, out: Path, licence: str) -> int:
    """Write the distribution cytobench-NAME: a plugin that works and keeps every rule, to be changed.

    It has a project file, options, a small implementation, a test that makes every check of `cytobench plugin check`, a
    README and a licence. Nothing that exists is written over.
    """
    from cytobench.plugins.scaffold.names import Names
    from cytobench.plugins.scaffold.write import next_commands, scaffold

    names = Names.of(name)
    names.check_free(plugins_for_command())
    target = scaffold(names, kind, licence, out, role)
    files = sum(path.is_file() for path in target.rglob("*"))
    click.echo(f"{target}: the {kind} {name}, {files} files. Next:\n")
    click.echo("\n".join(f"  {command}" for command in next_commands(names, kind, target)))
    return 0


@plugin.command("check", short_help="Check that a plugin keeps the rules of the contract.")
@click.argument("name")
@click.option("--kind", type=click.Choice(NAMES), help="Check only what goes by this name of this kind.")
@click.option("--preset", default="pocket", show_default=True, metavar="pocket|paper")
@click.option("--set", "values", multiple=True, metavar="PLUGIN.KEY=VALUE", help="A value of the configuration.")
@click.option("--device", default="cpu", show_default=True, metavar="D", help="A torch device.")
@click.option("--limit", type=click.FloatRange(min=1), default=120, show_default=True, help="Seconds a check may take.")
@plugin_module_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def check_command(
    name: str, kind: str | None, preset: str, values: tuple[str, ...], device: str, limit: float, as_json: bool
) -> int:
    """Check that a plugin keeps the rules of the contract, on toy images, in another process.

    NAME is what a plugin offers (a generator, a classifier, a data set, an extractor) or a plugin, as its entry point
    is called; then all that it offers is checked. Exit code 1 if a check failed or none ran.
    """
    import json

    from rich.console import Console

    from cytobench.cli.run import parse_set
    from cytobench.config.resolve import checked_preset, named_device
    from cytobench.testing.kinds import KINDS
    from cytobench.testing.report import Report
    from cytobench.testing.session import Session
    from cytobench.testing.target import Options, find_targets

    options = Options(checked_preset(preset), parse_set(values), named_device(device) or "cpu")
    targets = find_targets(name, kind, plugins_for_command(), options)
    reports = []
    terminal = Console(stderr=True, quiet=not sys.stderr.isatty())
    with Session(limit) as session:
        for target in targets:
            results = []
            with terminal.status(target.title) as status:
                for check in KINDS[target.kind].checks:
                    status.update(f"{target.title}: {check.name}")
                    results.append(session.result(target, check.name))
            reports.append(Report(target, results))
            if not as_json:
                click.echo("\n".join(reports[-1].lines()))
    ok = all(report.passed for report in reports)
    if as_json:
        click.echo(json.dumps({"ok": ok, "subjects": [report.values() for report in reports]}, indent=1))
    return 0 if ok else 1
