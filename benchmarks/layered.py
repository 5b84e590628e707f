"""A virtual environment on top of the running one: installing into it leaves the running one alone, and costs seconds.

What is installed where this runs is seen in it (a ``.pth`` file names the folders), and nothing is downloaded.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
import venv
from importlib.metadata import entry_points
from pathlib import Path

COMMANDS = ("pip", "pytest", "cytobench")
"""Commands of the running environment that are needed; they have to run in the new one."""


class Layered:
    """Makes the environment in ``folder``, and runs commands in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        venv.create(folder / "env", with_pip=False, symlinks=True)
        self._bin = folder / "env" / "bin"
        below = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
        site_packages = next((folder / "env").glob("lib/python*/site-packages"))
        # addsitedir also reads the .pth files there, which is how editable installations are found.
        lines = (f"import site; site.addsitedir({path!r})\n" for path in sorted(below))
        (site_packages / "below.pth").write_text("".join(lines))
        for name in COMMANDS:
            self._forward(name)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self._bin / "python"

    def run(self, command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a command line as a shell does in the activated environment; stdout and stderr are kept as text."""
        return subprocess.run(
            ["bash", "-c", command], cwd=cwd, env=self._environment(), capture_output=True, text=True, check=False
        )

    def _environment(self) -> dict[str, str]:
        environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(self._bin), os.environ.get("PATH", "")]),
            "VIRTUAL_ENV": str(self._folder / "env"),
            "CYTOBENCH_CACHE": str(self._folder / "cache"),
            "COLUMNS": "120",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INDEX": "1",
            # pip reads this one as the value of "build isolation": what builds is here already.
            "PIP_NO_BUILD_ISOLATION": "0",
        }
        paths = [str(Path(path).resolve()) for path in environment.pop("PYTHONPATH", "").split(os.pathsep) if path]
        return {**environment, **({"PYTHONPATH": os.pathsep.join(paths)} if paths else {})}

    def _forward(self, name: str) -> None:
        """A command of this name that runs with the environment's Python."""
        [point] = {point.value: point for point in entry_points(group="console_scripts", name=name)}.values()
        program = f"import sys; from {point.module} import {point.attr} as main; sys.exit(main())"
        file = self._bin / name
        file.write_text(f'#!/bin/sh\nexec {shlex.quote(str(self.python))} -c {shlex.quote(program)} "$@"\n')
        file.chmod(0o755)
