"""Puts the declared benchmarks into a wheel; all else about the package is in pyproject.toml.

They lie in benchmarks/, outside every import package, where setuptools' own settings cannot take them from.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithBenchmarks(build_py):
    """Copies ``benchmarks/*.toml`` to ``cytobench/benchmarks/``; an installation in place reads them where they are."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "cytobench" / "benchmarks"
        self.mkpath(str(target))
        for file in sorted(Path("benchmarks").glob("*.toml")):
            self.copy_file(str(file), str(target / file.name))


setup(cmdclass={"build_py": BuildWithBenchmarks})
