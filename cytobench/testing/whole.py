"""The checks of a plugin as a whole: its entry point, and what it offers."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cached_property
from typing import Any

from cytobench.plugins import Plugins, load_plugins
from cytobench.plugins.kinds import KINDS as OFFERED
from cytobench.testing.checks import LOADS, Check, require
from cytobench.testing.subject import Stage, Subject
from cytobench.testing.target import observes, specs_from

HEAVY = ("torch", "torchvision", "diffusers", "transformers", "timm", "open_clip", "tensorflow", "jax")
"""What listing plugins must not import."""
_IMPORT = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(sys.modules)))
"""


class PluginSubject(Subject):
    """A plugin by its entry point."""

    def import_code(self) -> None:
        """Nothing: importing it is what is checked."""

    @cached_property
    def plugins(self) -> Plugins:
        """All installed plugins, and this one."""
        return load_plugins(modules=self.target.modules, strict=False)

    def use(self, stage: Stage) -> None:
        """Nothing is used here."""


def loads(subject: PluginSubject) -> None:
    """What ``cytobench plugins`` lists as broken."""
    target = subject.target
    names = {target.name, *(getattr(spec, "name", "") for spec in _offered(subject))}
    problems = [
        problem.message
        for problem in subject.plugins.problems
        if problem.origin == target.origin and problem.plugin in names
    ]
    require(not problems, "; ".join(problems))


def offers(subject: PluginSubject) -> None:
    """Something is offered or observed."""
    specs = _offered(subject)
    key = subject.target.spec["key"]
    require(bool(specs) or observes(subject.plugins, key), "it offers nothing and observes nothing")
    dumb = [spec.name for spec in specs if not spec.summary.strip()]
    require(not dumb, f"without a summary: {', '.join(dumb)}")


def _offered(subject: PluginSubject) -> list[Any]:
    key = subject.target.spec["key"]
    return [spec for kind in OFFERED for spec in specs_from(subject.plugins, key, kind.hook)]


def light(subject: PluginSubject) -> None:
    """Modules that are there after the entry point's was imported in a new process."""
    command = [sys.executable, "-P", "-c", _IMPORT, subject.target.spec["value"].partition(":")[0]]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    modules = json.loads(done.stdout.splitlines()[-1])
    heavy = [name for name in HEAVY if name in modules]
    require(not heavy, f"importing {subject.target.spec['value']} imports {', '.join(heavy)}")


CHECKS = (
    Check(LOADS, "the module can be imported, its hooks and specs fit, and nobody else offers the same names", loads),
    Check("offers", "it offers or observes something, and says in a line what", offers),
    Check("light", "importing it imports no library of neural networks: listing plugins stays fast", light),
)
