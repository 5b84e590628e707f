"""Distributions installed into a folder, as pip leaves them in site-packages: for tests of plugins, without a network.

site = Site(tmp_path / "site")
site.install("cytobench-forest", offering("forest"))
done = site.cytobench("plugins", "--json")    # the real command line, in a process of its own
plugins = load_plugins(site.points())    # or in this process, where the fixture has put it on the path
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import DistributionFinder, EntryPoint, MetadataPathFinder
from pathlib import Path

COMMAND = (sys.executable, "-c", "from cytobench.cli import main; main()")
HEAD = "from cytobench.contract import ClassifierSpec, DatasetSpec, GeneratorSpec, hookimpl\n"


@dataclass(frozen=True)
class Site:
    """A folder that stands for site-packages. Nothing in it is seen until it is on a process's path."""

    path: Path

    def install(
        self,
        name: str,
        source: str = "",
        *,
        version: str = "1.2",
        points: Mapping[str, str] | None = None,
        modules: Mapping[str, str] | None = None,
        requires: Sequence[str] = (),
    ) -> None:
        """Install a distribution. ``source`` is its module, named like it with ``_``; ``modules`` are more, by name.

        ``points`` are its entry points, by default one named like the last part of the name, for that module.
        """
        main_module = name.replace("-", "_").replace(".", "_")
        points = {name.rpartition("-")[2]: main_module} if points is None else points
        info = self._info(name, version)
        info.mkdir(parents=True)
        head = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
        needs = [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join([*head, *needs, ""]))
        (info / "INSTALLER").write_text("tests\n")
        lines = [f"{point} = {value}" for point, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[cytobench]", *lines, ""]))
        files = {main_module: source, **(modules or {})}
        for module, text in files.items():
            (self.path / f"{module}.py").write_text(text)
        (info / "RECORD").write_text("".join(f"{module}.py,,\n" for module in files))
        importlib.invalidate_caches()

    def uninstall(self, name: str, version: str = "1.2") -> None:
        """Remove a distribution and its modules."""
        info = self._info(name, version)
        for line in (info / "RECORD").read_text().splitlines():
            (self.path / line.partition(",")[0]).unlink()
        shutil.rmtree(info)

    def points(self) -> list[EntryPoint]:
        """The entry points of what is installed here alone, for :func:`cytobench.plugins.load_plugins`."""
        importlib.invalidate_caches()
        context = DistributionFinder.Context(path=[str(self.path)])
        installed = MetadataPathFinder().find_distributions(context)
        return [point for distribution in installed for point in distribution.entry_points]

    def cytobench(
        self, *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line in a process of its own, which has this folder on its path."""
        path = os.pathsep.join(filter(None, [str(self.path), os.environ.get("PYTHONPATH")]))
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=cwd or self.path,
            env={**os.environ, "PYTHONPATH": path, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
        )

    def _info(self, name: str, version: str) -> Path:
        return self.path / f"{name.replace('-', '_')}-{version}.dist-info"


def classifier(
    name: str,
    *,
    contract: int = 1,
    factory: str = "cytobench_controls.random:Random",
    config: str = "cytobench_controls.random:RandomConfig",
) -> str:
    """The source of a spec, by default of a classifier that guesses."""
    return (
        f"ClassifierSpec(name={name!r}, summary='of a test', contract={contract}, revision=1, "
        f"factory={factory!r}, config={config!r})"
    )


def returning(value: str) -> str:
    """The source of a plugin whose hook for classifiers returns this."""
    return f"{HEAD}@hookimpl\ndef cytobench_classifiers():\n    return {value}\n"


def offering(*names: str) -> str:
    """The source of a plugin that offers classifiers of these names, which guess."""
    return returning(f"[{', '.join(map(classifier, names))}]")


def metric(name: str, body: str, **fields: object) -> str:
    """The source of a plugin with one metric, whose function has this body."""
    arguments = "".join(f", {key}={value!r}" for key, value in {"title": name.title(), **fields}.items())
    lines = [
        "from cytobench.contract import CONTRACT, MetricSpec, hookimpl",
        "@hookimpl",
        "def cytobench_metrics():",
        f"    return [MetricSpec({name!r}, 'of a test', CONTRACT, 1, __name__ + ':value'{arguments})]",
        "def value(true, predicted, labels):",
        f"    {body}",
        "",
    ]
    return "\n".join(lines)
