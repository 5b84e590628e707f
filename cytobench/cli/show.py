"""``cytobench show``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("trial", required=False)
@click.option("--json", "as_json", is_flag=True, help="The record, or a list of the trials, on stdout.")
def show(folder: Path, trial: str | None, as_json: bool) -> None:
    """Show all that is on record of one trial of a results folder; without TRIAL, a line for each.

    A trial is named as its record's file, for example none__clip__s0__n0__fold0. Of a failed one the traceback is
    shown.
    """
    import json

    from cytobench.reporting.trials import find_trial, trial_text, trials_text
    from cytobench.storage.records import read_record_files

    records = read_record_files([folder])
    if trial is None:
        if as_json:
            listing = [
                {
                    "trial": record.trial,
                    "row": record.row,
                    "status": record.status,
                    "scores": record.scores,
                    "file": str(file),
                }
                for file, record in records.items()
            ]
            click.echo(json.dumps(listing, indent=1))
        else:
            click.echo(trials_text(list(records.values())), nl=False)
        return
    record = find_trial(records, trial)
    click.echo(record.model_dump_json(indent=1) if as_json else trial_text(record), nl=as_json)
