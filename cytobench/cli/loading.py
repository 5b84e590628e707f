"""Plugins for a command: those installed and those of ``--plugin-module``; a broken one gets a line on stderr."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from cytobench.plugins import Plugins

Command = TypeVar("Command", bound=Callable[..., Any])
_MODULES = "cytobench.plugin_modules"


def _remember(ctx: click.Context, parameter: click.Parameter, modules: tuple[str, ...]) -> None:
    ctx.meta.setdefault(_MODULES, []).extend(modules)


def plugin_module_option(command: Command) -> Command:
    """``--plugin-module``, the same before a command and behind it: all that are named are tried."""
    return click.option(
        "--plugin-module",
        multiple=True,
        metavar="MODULE",
        expose_value=False,
        callback=_remember,
        help="Try a plugin that is not packaged yet, for example mypackage.plugin; repeatable.",
    )(command)


def plugin_modules() -> list[str]:
    """The modules named on this command line."""
    modules: list[str] = click.get_current_context().meta.get(_MODULES, [])
    return modules


def plugins_for_command() -> Plugins:
    """The plugins; what is broken is named on stderr. Raises as :func:`~cytobench.plugins.load_plugins` does."""
    from cytobench.plugins import load_plugins

    plugins = load_plugins(modules=plugin_modules())
    for problem in plugins.problems:
        click.echo(f"Broken plugin: {problem}", err=True)
    return plugins
