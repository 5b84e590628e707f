"""What docs/plugins/life.md says of a run: what is called, in which order, how often."""

from __future__ import annotations

from pathlib import Path

import pytest

from cytobench.api import run
from cytobench.plugins import load_plugins

from ...distributions import HEAD, Site, classifier

SPIES = """
from cytobench_controls.random import Random
from cytobench_controls.repeat import Repeat

calls = []
OPENED = {"generator": "sampler", "classifier": "predictor"}

class Watched:
    def __init__(self, whole, called):
        self._whole, self._called = whole, called

    def __getattr__(self, name):
        found = getattr(self._whole, name)
        return self._called(name, found) if callable(found) else found

def watch(kind, found):
    def called(name, method):
        def call(*arguments):
            calls.append(f"{kind}.{name}")
            opened = method(*arguments)
            return watch(OPENED[kind], opened) if name == "open" else opened
        return call
    return Watched(found, called)

def Generator(*configs):
    calls.append("generator")
    return watch("generator", Repeat(*configs))

def Classifier(config):
    calls.append("classifier")
    return watch("classifier", Random(config))
"""
HOOKS = f"""{HEAD}
@hookimpl
def cytobench_classifiers():
    return [{classifier("watched-c", factory="spies:Classifier")}]

@hookimpl
def cytobench_generators():
    return [GeneratorSpec(name="watched-g", summary="x", contract=1, revision=1, factory="spies:Generator",
        fit_config="cytobench.contract:PluginConfig", sample_config="cytobench.contract:SampleConfig",
        scope="class", seeded=False)]

@hookimpl
def cytobench_run_started(run, out):
    import spies
    spies.calls.append("started")

@hookimpl
def cytobench_trial_finished(record):
    import spies
    spies.calls.append("trial " + record["status"])

@hookimpl
def cytobench_run_finished(out, failed):
    import spies
    spies.calls.append(f"finished {{failed}}")
"""


@pytest.fixture
def calls(site: Site, cells: Path, tmp_path: Path) -> list[str]:
    """The calls of a run on three classes and one fold, with 12 synthetic images a class, in blocks of 8."""
    site.install("dist-watched", HOOKS, modules={"spies": SPIES})
    run(
        generator=["watched-g"], classifier=["watched-c"], dataset=str(cells), preset="pocket", synthetic=[12],
        folds=3, fold=[0], device="cpu", out=tmp_path / "out", plugins=load_plugins(site.points()),
    )  # fmt: skip
    import spies  # type: ignore[import-not-found]

    calls: list[str] = spies.calls
    return calls


def test_a_run_calls_as_the_page_says(calls: list[str]) -> None:
    fits = 3 * ["generator", "generator.fit"]
    sampling = ["generator", "generator.open", *3 * 2 * ["sampler.sample"], "sampler.close"]
    training = ["classifier", "classifier.fit"]
    prediction = ["classifier", "classifier.open", *2 * ["predictor.predict_proba"], "predictor.close"]
    assert calls == ["started", *fits, *sampling, *training, *prediction, "trial done", "finished 0"]
