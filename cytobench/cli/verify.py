"""``cytobench verify``."""

from __future__ import annotations

from pathlib import Path

import click

from cytobench.cli.loading import plugin_module_option, plugins_for_command
from cytobench.cli.run import parse_set
from cytobench.plugins.diverted import prints_to_stderr


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("trial")
@click.option("--dataset", metavar="NAME|PATH", help="Where the data set is now. [as on record]")
@click.option("--device", metavar="D", help="A torch device. [as on record]")
@click.option("--set", "values", multiple=True, metavar="PLUGIN.KEY=VALUE", help="Where weights are now; repeatable.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Keep the work here.")
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    metavar="T",
    help="How far a probability may be from the recorded one to be near it.",
)
@click.option("--in-process", is_flag=True, help="Let plugins work in this process.")
@plugin_module_option
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="What was found, as JSON on stdout.")
def verify(
    folder: Path,
    trial: str,
    dataset: str | None,
    device: str | None,
    values: tuple[str, ...],
    out: Path | None,
    tolerance: float,
    in_process: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Do a recorded trial of a results folder again, and say what is equal, near, or not.

    It is done from nothing in a folder and store of its own, by what its record says. Predictions that somebody made up
    are found that way alone. Ends with 1 where they are neither equal nor near.
    """
    import json

    from cytobench.analysis.verification import Agreement
    from cytobench.api import verify as verify_api
    from cytobench.reporting.verification import verification_text, verification_values

    with prints_to_stderr():
        verification = verify_api(
            folder,
            trial,
            dataset=dataset,
            device=device,
            set=parse_set(values),
            out=out,
            tolerance=tolerance,
            progress=not (quiet or as_json),
            in_process=in_process or None,
            plugins=plugins_for_command(),
        )
    if as_json:
        click.echo(json.dumps(verification_values(verification), indent=1))
    else:
        click.echo(verification_text(verification), nl=False)
    return 1 if verification.agreement is Agreement.UNLIKE else 0
