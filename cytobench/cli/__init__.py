"""The command line: one command a file, each a thin layer over the Python API. Nothing heavy is imported here."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from typing import Any

import click

from cytobench._text import did_you_mean
from cytobench.cli.loading import plugin_module_option
from cytobench.errors import CytobenchError, on_the_command_line

COMMANDS = {
    "run": "Run a benchmark and show its leaderboard.",
    "generate": "Tune a generator on shots of one class and write images.",
    "leaderboard": "Show the leaderboard of results folders.",
    "compare": "Compare rows: differences, intervals, cost.",
    "fidelity": "Measure how near synthetic images are to real ones.",
    "confusion": "Show which classes a row takes for which.",
    "figures": "Draw the figures of a paper as SVG and PNG.",
    "report": "Make a page of results: verdict, table, plots, images, provenance.",
    "verify": "Do a recorded trial again, and say what is equal.",
    "show": "Show all that is on record of one trial.",
    "export": "Write a run's synthetic images, with a card, and its adapters.",
    "score": "Score predictions of any system.",
    "submit": "Record predictions of another system, so that it is ranked.",
    "export-shots": "Write every fold's shots, to tune a generator elsewhere.",
    "data": "Describe, split and export data sets.",
    "assets": "Fetch what a benchmark needs, and verify it elsewhere, offline.",
    "plugins": "List installed generators, classifiers, data sets and extractors.",
    "plugin": "For authors of plugins: begin one, check that it keeps the rules.",
    "doctor": "Check this machine: versions, devices, weights.",
}
"""Commands and their help, so that ``--help`` imports none of their modules."""


@contextmanager
def _readers_may_go() -> Iterator[None]:
    """End with 0 where the reader of a pipe has gone (``... | head``), which click and rich end with 1."""
    try:
        yield
    except BrokenPipeError as error:
        raise click.exceptions.Exit(0) from error
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # rich has let go of stdout
            raise click.exceptions.Exit(0) from ended
        raise


class LazyCommands(click.Group):
    """A group whose commands live in modules of their own and are imported when they are called."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """The same; help is shown here."""
        with _readers_may_go():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """The same."""
        with _readers_may_go():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"cytobench.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest command for an unknown one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"No such command {args[0]!r}.{did_you_mean(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("cytobench"), prog_name="cytobench")
@plugin_module_option
def cytobench() -> None:
    """Do synthetic blood cells help a classifier, how good are they, and what do they cost?"""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 the work failed, 2 a user's mistake, 130 Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    code = _run(arguments, debug)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = 0
    _let_go_of_closed_pipes()
    sys.exit(code)


def _let_go_of_closed_pipes() -> None:
    """Python flushes once more as it ends, and would tell of a pipe whose reader has gone (``... | head``)."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(arguments: list[str], debug: bool) -> int:
    try:
        with on_the_command_line():
            result: Any = cytobench.main(arguments, prog_name="cytobench", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nStopped. What is finished is kept; the same command goes on from here.", err=True)
        return 130
    except CytobenchError as error:
        if debug:
            traceback.print_exc()
        click.echo(f"Error: {error}", err=True)
        return error.exit_code
    except Exception as error:  # a bug: say so in one line, and how to see the rest
        if debug:
            traceback.print_exc()
        else:
            message = f"Error: {type(error).__name__}: {error} (run again with --debug for the traceback)"
            click.echo(message, err=True)
        return 1
    return result if isinstance(result, int) else 0
