"""``cytobench compare``."""

from __future__ import annotations

from pathlib import Path

import click

from cytobench.errors import UserError


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--a", "a", metavar="ROW", help="A row, as the leaderboard's column `row` names it.")
@click.option("--b", "b", metavar="ROW", help="The row it is compared with.")
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
def compare(folder: Path, a: str | None, b: str | None, as_json: bool) -> None:
    """What two rows of a results folder differ by: with intervals, over folds and over test images, and at what cost.

    Without --a and --b: the comparisons that the benchmark declares, first those of the N that validation chose with
    the best baseline that validation chose, and what each gain costs.
    """
    import json

    from cytobench.analysis.comparison.candidates import find_pair, read_candidates
    from cytobench.analysis.comparison.headline import declared_family
    from cytobench.analysis.comparison.pair import compare as compare_rows
    from cytobench.reporting.comparison.family import family_lines
    from cytobench.reporting.comparison.pair import comparison_lines
    from cytobench.reporting.comparison.values import comparison_values, family_values

    if (a is None) != (b is None):
        raise UserError("--a and --b go together: name two rows, or neither for the declared comparisons.")
    sections = read_candidates([folder])
    if not sections:
        raise UserError(f"{folder} holds no finished trial: there is nothing to compare.")
    if a is not None and b is not None:
        one, other = find_pair(sections, a, b)
        found = compare_rows(one, other, next(section for section in sections if one in section))
        if as_json:
            click.echo(json.dumps(comparison_values(found), indent=1, allow_nan=False))
        else:
            click.echo("\n".join(comparison_lines(found)))
        return
    families = [declared_family(section) for section in sections]
    if as_json:
        values = {"sections": [family_values(family) for family in families]}
        click.echo(json.dumps(values, indent=1, allow_nan=False))
    else:
        click.echo("\n\n".join("\n".join(family_lines(family)) for family in families))
