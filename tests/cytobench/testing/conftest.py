"""One process that checks all the plugins of these tests, which lie in ``plugins/``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cytobench.testing.checks import Result
from cytobench.testing.kinds import KINDS
from cytobench.testing.session import Session
from cytobench.testing.target import Target

Check = Callable[[Target], dict[str, Result]]


@pytest.fixture(scope="session")
def plugin_path() -> Iterator[None]:
    """The folder ``plugins`` on the module search path."""
    folder = str(Path(__file__).parent / "plugins")
    sys.path.insert(0, folder)
    yield
    sys.path.remove(folder)


@pytest.fixture(scope="session")
def session(plugin_path: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A session with a cache folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CYTOBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        with Session() as session:
            yield session


@pytest.fixture
def check(session: Session) -> Check:
    """Make every check of a target; results by name."""
    return lambda target: {result.check: result for result in session.results(target)}


@pytest.fixture
def breaks(check: Check) -> Callable[[Target, str, str], None]:
    """Assert that a target breaks this rule alone, and that the detail says how."""

    def judge(target: Target, rule: str, detail: str) -> None:
        assert rule in {one.name for one in KINDS[target.kind].checks}
        results = check(target)
        failed = {name: result.detail for name, result in results.items() if result.status == "failed"}
        assert set(failed) == {rule}, failed
        assert detail in failed[rule]

    return judge
