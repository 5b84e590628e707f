"""``cytobench assets``: for a machine with internet beside one without."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cytobench.cli.loading import plugin_module_option, plugins_for_command

if TYPE_CHECKING:
    from cytobench.pipeline.fetch import Check

SHORT = 12
"""Characters of a digest that tables show; ``--json`` has it whole."""
REASON = 500
"""Characters of a reason that a line shows; ``--json`` has it whole."""

benchmark_argument = click.argument("benchmark", type=click.Path(path_type=Path), metavar="BENCHMARK.toml|NAME")
lock_option = click.option(
    "--lock",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The lock file. [NAME.assets.json beside the TOML; of a benchmark by name here]",
)
dataset_option = click.option("--dataset", metavar="NAME|PATH", help="In place of the benchmark's.")
preset_option = click.option("--preset", metavar="pocket|paper", help="In place of the benchmark's.")


@click.group("assets")
def assets() -> None:
    """Fetch what a benchmark needs, weights and data, and verify it on another machine."""


@assets.command("fetch", short_help="Have all of it here, and lock its digests.")
@benchmark_argument
@dataset_option
@preset_option
@lock_option
@plugin_module_option
@click.option("--json", "as_json", is_flag=True, help="The content of the lock file on stdout.")
def fetch_command(
    benchmark: Path, dataset: str | None, preset: str | None, lock: Path | None, as_json: bool
) -> None:
    """Have all weights and data of a benchmark here, and write their digests to a lock file.

    Weights named by a Hub id go into the Hugging Face cache (HF_HOME). All that cannot be had is named in one go (exit
    code 2); no lock is written then.
    """
    from rich.filesize import decimal

    from cytobench.cli.output.table import table
    from cytobench.pipeline.fetch import fetch_assets
    from cytobench.storage.lockfile import lock_path

    plugins = plugins_for_command()
    locked = fetch_assets(benchmark, lock, plugins, dataset=dataset, preset=preset)
    if as_json:
        click.echo(locked.to_json())
    else:
        rows = [
            (name, item.source, item.path, decimal(item.size), item.digest[:SHORT])
            for name, item in locked.items.items()
        ]
        table(("what", "source", "path", "size", "SHA-256"), rows)
    click.echo(f"{len(locked.items)} things are here; digests in {lock or lock_path(benchmark)}", err=True)


@assets.command("verify", short_help="Check it against the lock file, without the network.")
@benchmark_argument
@dataset_option
@preset_option
@lock_option
@plugin_module_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def verify_command(
    benchmark: Path, dataset: str | None, preset: str | None, lock: Path | None, as_json: bool
) -> int:
    """Check weights and data on this machine against the lock file, without the network.

    Weights are hashed and images decoded anew, whatever a cache remembers. A line for each: ok, differs or missing.
    Exit code 1 if something differs or is missing, 2 if there is no lock file, or it names other things than the
    benchmark.
    """
    import json
    from dataclasses import asdict

    from cytobench.pipeline.fetch import verify_assets

    checks = []
    plugins = plugins_for_command()
    for check in verify_assets(benchmark, lock, plugins, dataset=dataset, preset=preset):
        checks.append(check)
        if not as_json:
            click.echo(_line(check))
    wrong = sum(check.status != "ok" for check in checks)
    if as_json:
        click.echo(json.dumps({"ok": not wrong, "items": [asdict(check) for check in checks]}, indent=1))
    if wrong:
        hint = "Copy them anew from the machine that fetched them, or run fetch again if the new ones are meant."
        click.echo(f"{wrong} of {len(checks)} differ or are missing. {hint}", err=True)
    return 1 if wrong else 0


def _line(check: Check) -> str:
    from textwrap import shorten

    start = f"{check.status:<7}  {check.name}"
    if check.found is None or check.found == check.expected:
        digests = "" if check.found is None else f"  {check.found[:SHORT]}"
    else:
        digests = f"  found {check.found[:SHORT]}, expected {check.expected[:SHORT]}"
    return f"{start}{digests}{'  ' * bool(check.reason)}{shorten(check.reason, REASON, placeholder=' ...')}"
