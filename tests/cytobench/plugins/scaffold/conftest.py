"""An environment of its own on top of the running one, in which scaffolds are installed by pip."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

ROOT = Path(__file__).parents[4]

if TYPE_CHECKING:
    from layered import Layered


@pytest.fixture(scope="session")
def benchmarks_path() -> None:
    """The scripts of ``benchmarks/`` on the module search path."""
    sys.path.insert(0, str(ROOT / "benchmarks"))


@pytest.fixture(scope="session")
def environment(benchmarks_path: None, tmp_path_factory: pytest.TempPathFactory) -> Layered:
    """One for all tests, so that ``phantom`` is drawn once."""
    pytest.importorskip("setuptools", reason="pip builds with the setuptools that is installed here")
    from layered import Layered

    return Layered(tmp_path_factory.mktemp("layered"))
