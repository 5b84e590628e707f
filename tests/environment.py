"""An environment of its own for a test: new, on top of the packages of the running one, so that it costs a second."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Environment:
    """A virtual environment; what is installed there is seen by its programs alone."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def install(self, *packages: Path) -> None:
        """Install distributions from their folders with pip; what they need is there already."""
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index"]
        self._pip("install", *options, *map(str, packages))

    def uninstall(self, *names: str) -> None:
        """Uninstall distributions."""
        self._pip("uninstall", "--quiet", "--yes", *names)

    def cytobench(self, *arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run cytobench's command line there, in ``folder``, with environment variables."""
        program = "from cytobench.cli import main; main()"
        return subprocess.run(
            [str(self.python), "-c", program, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": _own_path(), **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def _pip(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "pip", "--python", str(self.python), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def make_environment(folder: Path) -> Environment:
    """A new environment in ``folder`` that has all packages of the running one."""
    venv.create(folder)
    packages = [path for path in sys.path if path.endswith("site-packages")]
    [site] = (folder / "lib").glob("python*/site-packages")
    # addsitedir also reads the .pth files of editable installations, which a plain path would not.
    lines = [f"import site; site.addsitedir({path!r})" for path in packages]
    (site / "running.pth").write_text("\n".join(lines) + "\n")
    return Environment(folder)


def _own_path() -> str:
    """The project under test first, as in this process: it need not be the one that is installed."""
    root = Path(__file__).parents[1]
    return os.pathsep.join([str(root), str(root / "plugins")])
