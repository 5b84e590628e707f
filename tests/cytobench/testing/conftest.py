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
        with Session(limit=900) as session:
            yield session


@pytest.fixture
def check(session: Session) -> Check:
    """Make every check of a target; results by name."""
    return lambda target: {result.check: result for result in session.results(target)}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install a distribution with one plugin (its name and the source of its module) into a folder of sys.path."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))

    def put(name: str, source: str) -> None:
        info = tmp_path / "site" / f"dist_{name}-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dist-{name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[cytobench]\n{name} = conformance_{name}\n")
        (tmp_path / "site" / f"conformance_{name}.py").write_text(source)
        monkeypatch.delitem(sys.modules, f"conformance_{name}", raising=False)  # that of an earlier test

    return put


@pytest.fixture
def breaks(check: Check) -> Callable[[Target, str, str], None]:
    """Assert that a target breaks this rule alone, and that the detail says how."""

    def judge(target: Target, rule: str, detail: str) -> None:
        assert rule in {known.name for known in KINDS[target.kind].checks}
        results = check(target)
        failed = {name: result.detail for name, result in results.items() if result.status == "failed"}
        assert set(failed) == {rule}, failed
        assert detail in failed[rule]

    return judge
