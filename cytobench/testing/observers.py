"""The checks of observers: hooks that are told of a run and must change nothing about it."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pluggy

from cytobench import hookspecs
from cytobench.plugins.discovery import GROUP
from cytobench.testing.checks import LOADS, Check, Failed, raised, require
from cytobench.testing.conduct import conduct
from cytobench.testing.rehearsal import HookCall, Rehearsal, rehearse
from cytobench.testing.subject import Stage, Subject
from cytobench.testing.target import OBSERVERS
from cytobench.testing.watch import listing


class ObserverSubject(Subject):
    """The observer hooks of one plugin."""

    def import_code(self) -> None:
        """Import what the entry point names, a module or an object of one."""
        self._plugin = EntryPoint(self.target.name, self.target.spec["value"], GROUP).load()

    @cached_property
    def implementations(self) -> Mapping[str, Any]:
        """The plugin's own implementations by hook."""
        manager = pluggy.PluginManager("cytobench")
        manager.add_hookspecs(hookspecs)
        manager.register(self._plugin, self.target.name)
        hookimpls = {hook: getattr(manager.hook, hook).get_hookimpls() for hook in OBSERVERS}
        return {hook: implementations[0] for hook, implementations in hookimpls.items() if implementations}

    @cached_property
    def rehearsal(self) -> Rehearsal:
        """A real run."""
        return rehearse(self.new_folder("rehearsal"))

    def tell(
        self, out: Path, look: Callable[[HookCall, Mapping[str, Any]], None] = lambda call, arguments: None
    ) -> Path:
        """Tell it of the run, whose results are copied into ``out``; ``look`` at each call, and its arguments later."""
        results = out / "results"
        shutil.copytree(self.rehearsal.out, results)
        for call in self.rehearsal.calls:
            implementation = self.implementations.get(call.hook)
            if implementation is None:
                continue
            arguments = copy.deepcopy({**call.arguments, **({"out": results} if "out" in call.arguments else {})})
            before = HookCall(call.hook, copy.deepcopy(arguments))
            implementation.function(**{name: arguments[name] for name in implementation.argnames})
            look(before, arguments)
        return results

    def use(self, stage: Stage) -> None:
        """Tell it of the whole run."""
        with stage("told") as out:
            self.tell(out)


def loads(subject: ObserverSubject) -> None:
    """There is a hook that observes."""
    require(bool(subject.implementations), "it observes nothing")


def told_of_a_run(subject: ObserverSubject) -> None:
    """A run with a finished and a failed trial."""
    _ = subject.rehearsal  # before: what the run itself raises is no fault of the observer
    try:
        subject.tell(subject.new_folder("told"))
    except Exception as error:
        raise Failed(f"told of a run with a finished and a failed trial: {raised(error)}") from error


def unchanged(subject: ObserverSubject) -> None:
    """What it is given, and the files of the results folder."""

    def look(before: HookCall, arguments: Mapping[str, Any]) -> None:
        changed = [name for name, value in before.arguments.items() if arguments[name] != value]
        require(not changed, f"{before.hook} changed its argument {', '.join(changed)}")

    results = subject.tell(subject.new_folder("told"), look)
    before, after = listing(subject.rehearsal.out), listing(results)
    # copytree keeps the times of files, so that a file that was written again shows.
    changed = [path for path, state in before.items() if after.get(path) != state]
    require(not changed, f"changed what the run had left in the results folder: {', '.join(changed[:3])}")


_after = partial(Check, needs=("told",))

CHECKS = (
    Check(LOADS, "the module can be imported, and observes a run", loads),
    Check("told", "told of a run with a finished and a failed trial, it raises nothing", told_of_a_run),
    _after("unchanged", "it changes neither what it is told nor the files of the run", unchanged),
    *(check for check in conduct("told", memory=False) if check.name != "network"),
)
