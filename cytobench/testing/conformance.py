"""The checks as tests: two lines in a plugin's own tests.

.. code-block:: python

    from cytobench.testing import conformance

    test_turned = conformance.generator("turned")

pytest then has a test for each check. One that is left out is skipped with its reason, and a warning is a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from cytobench.errors import UserError
from cytobench.plugins import load_plugins
from cytobench.testing.checks import Result
from cytobench.testing.kinds import KINDS
from cytobench.testing.session import LIMIT, Session
from cytobench.testing.target import WITH_OPTIONS, Options, Target, find_targets

Test = Callable[..., None]


class ConformanceWarning(UserWarning):
    """A check that warned."""


def plugin(
    name: str,
    *,
    preset: str = "pocket",
    values: Mapping[str, Mapping[str, Any]] | None = None,
    device: str = "cpu",
    limit: float = LIMIT,
) -> Test:
    """A test for each check of a plugin, named as its entry point, and of all that it offers and observes.

    ``values`` are options by the name of what is offered. Raises UserError where no such plugin is installed.
    """
    targets = find_targets(name, None, load_plugins(), Options(preset, values or {}, device))
    return _test([(target.kind, target.name) for target in targets], preset, values or {}, device, limit)


def generator(name: str, **options: Any) -> Test:
    """A test for each check of a generator; options as of :func:`classifier`."""
    return _test_of("generator", name, **options)


def classifier(
    name: str,
    *,
    preset: str = "pocket",
    values: Mapping[str, Any] | None = None,
    device: str = "cpu",
    limit: float = LIMIT,
) -> Test:
    """A test for each check of a classifier.

    ``values`` are its options as of ``--set``, ``device`` is a torch device, ``limit`` the seconds a check may take.
    """
    return _test_of("classifier", name, preset=preset, values=values, device=device, limit=limit)


def dataset(name: str, *, limit: float = LIMIT) -> Test:
    """A test for each check of a data set."""
    return _test_of("dataset", name, limit=limit)


def extractor(name: str, **options: Any) -> Test:
    """A test for each check of an extractor; options as of :func:`classifier`."""
    return _test_of("extractor", name, **options)


def metric(name: str, *, limit: float = LIMIT) -> Test:
    """A test for each check of a metric."""
    return _test_of("metric", name, limit=limit)


def observer(name: str, *, limit: float = LIMIT) -> Test:
    """A test for each check of the observers of a plugin, named as its entry point."""
    return _test_of("observer", name, limit=limit)


def _test_of(
    kind: str,
    name: str,
    *,
    preset: str = "pocket",
    values: Mapping[str, Any] | None = None,
    device: str = "cpu",
    limit: float = LIMIT,
) -> Test:
    return _test([(kind, name)], preset, {name: values} if values else {}, device, limit)


class _Suite:
    """Targets found and checks made when the first test asks."""

    def __init__(self, options: Options, limit: float) -> None:
        self._options = options
        self._limit = limit
        self._targets: dict[tuple[str, str], Target] = {}

    @cached_property
    def _session(self) -> Session:
        return Session(self._limit)

    def result(self, kind: str, name: str, check: str) -> Result:
        if (kind, name) not in self._targets:
            values = self._options.values.get(name) if kind in WITH_OPTIONS else None
            options = Options(self._options.preset, {name: values} if values else {}, self._options.device)
            targets = find_targets(name, kind, load_plugins(), options)
            self._targets |= {(target.kind, target.name): target for target in targets}
        return self._session.result(self._targets[kind, name], check)


def _test(
    subjects: Sequence[tuple[str, str]],
    preset: str,
    values: Mapping[str, Mapping[str, Any]],
    device: str,
    limit: float,
) -> Test:
    import pytest

    suite = _Suite(Options(preset, values, device), limit)
    cases = [(kind, name, check.name) for kind, name in subjects for check in KINDS[kind].checks]
    ids = [" ".join(case) for case in cases]

    @pytest.mark.parametrize(("kind", "name", "check"), cases, ids=ids)
    def test_conformance(kind: str, name: str, check: str) -> None:
        try:
            result = suite.result(kind, name, check)
        except UserError as error:
            pytest.fail(str(error), pytrace=False)
        if result.status == "failed":
            trace = f"\n\n{result.trace}" if result.trace else ""
            pytest.fail(f"{kind} {name}: {result.rule}: {result.detail}{trace}", pytrace=False)
        if result.status == "left out":
            pytest.skip(result.detail)
        if result.status == "warned":
            warnings.warn(f"{kind} {name}: {result.detail}", ConformanceWarning, stacklevel=1)

    return test_conformance
