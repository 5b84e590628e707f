"""Metrics by name: built-in ones, those of strangers, of one class; names that are refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cytobench.errors import UserError
from cytobench.metrics.built_in import BUILT_IN, OF_ALL_CLASSES, SPECS
from cytobench.metrics.scoring import scores
from cytobench.plugins import Plugins, load_plugins
from cytobench.plugins.metrics import find_metric, find_metrics, kept_metrics, of_class
from cytobench.storage.records import Record
from cytobench.storage.records.metrics import metrics_used, recorded_metric

from ..distributions import Site, metric


def never() -> Plugins:
    raise AssertionError("no plugin is loaded for a built-in metric")


@pytest.fixture
def installed(site: Site) -> Callable[[], Plugins]:
    return lambda: load_plugins(site.points())


def test_built_in_metrics_need_no_plugin() -> None:
    metrics = find_metrics(["f1_macro", "recall:EOS", "mcc", "mcc"], never)
    assert [metric.name for metric in metrics] == ["f1_macro", "recall:EOS", "mcc"]
    assert metrics[1].label == "EOS" and metrics[0] is not None


def test_a_label_may_hold_colons() -> None:
    assert find_metric("recall:a:b", never).label == "a:b"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("recall", "metric='recall': this metric is of one class. Write recall:LABEL."),
        ("accuracy:EOS", "metric='accuracy:EOS': accuracy is of all classes. Write accuracy."),
        ("acuracy", "metric='acuracy': no such metric. Did you mean accuracy? Installed: accuracy, auc_macro,"),
        ("kappa:EOS", "metric='kappa:EOS': no such metric."),
    ],
)
def test_a_mistake_is_named(name: str, message: str) -> None:
    with pytest.raises(UserError) as raised:
        find_metric(name, lambda: load_plugins([]))
    assert str(raised.value).startswith(message)


def test_a_class_must_count() -> None:
    with pytest.raises(UserError, match=r"there is no class EOX\. Did you mean EOS\? Classes that count: BAS, EOS"):
        of_class(find_metric("recall:EOX", never), ["BAS", "EOS"], {})
    assert of_class(find_metric("recall:EOS", never), ["BAS", "EOS"], {}).label == "EOS"
    assert of_class(find_metric("mcc", never), ["BAS", "EOS"], {}).label is None


def test_a_class_goes_by_either_of_its_names() -> None:
    metric = of_class(find_metric("recall:EOS", never), ["Basophil", "Eosinophil"], {"EOS": "Eosinophil"})
    assert (metric.name, metric.label, metric.title) == ("recall:EOS", "Eosinophil", "recall of Eosinophil")


def test_a_strangers_metric_is_found_and_kept(site: Site, installed: Callable[[], Plugins]) -> None:
    site.install("cytobench-kappa", metric("kappa", "return 0.25"))
    kappa = find_metric("kappa", installed)
    assert (kappa.distribution, kappa.version, kappa.title) == ("cytobench-kappa", "1.2", "Kappa")
    assert scores(["a", "b"], ["a", "b"], ["a", "b"], None, [], [kappa]).values == {"kappa": 0.25}
    names = [metric.name for metric in kept_metrics(installed())]
    assert names == [*(metric.name for metric in OF_ALL_CLASSES), "kappa"]


def test_what_a_stranger_prints_is_no_result(
    site: Site, installed: Callable[[], Plugins], capfd: pytest.CaptureFixture[str]
) -> None:
    site.install("cytobench-kappa", metric("kappa", "print('hello'); return 0.25"))
    scores(["a", "b"], ["a", "b"], ["a", "b"], None, [], [find_metric("kappa", installed)])
    assert capfd.readouterr() == ("", "hello\n")


def test_a_strangers_metric_may_be_of_one_class(site: Site, installed: Callable[[], Plugins]) -> None:
    site.install("cytobench-kappa", metric("kappa", "return [0.1, 0.2]", of_one_class=True))
    kappa = find_metric("cytobench-kappa:kappa:b", installed)
    assert scores(["a", "b"], ["a", "b"], ["a", "b"], None, [], [kappa]).values == {"cytobench-kappa:kappa:b": 0.2}
    assert "kappa" not in [metric.name for metric in kept_metrics(installed())]


def test_a_name_of_two_strangers_is_nobodys(site: Site, installed: Callable[[], Plugins]) -> None:
    for name in ("kappa", "cohen"):
        site.install(f"cytobench-{name}", metric("kappa", "return 0.25"))
    with pytest.raises(UserError, match="Write cytobench-cohen:kappa or cytobench-kappa:kappa"):
        find_metric("kappa", installed)
    assert find_metric("cytobench-cohen:kappa", installed).distribution == "cytobench-cohen"


def test_a_built_in_name_is_refused_and_means_what_it_meant(site: Site, installed: Callable[[], Plugins]) -> None:
    site.install("cytobench-mine", metric("accuracy", "return 1.0"))
    plugins = installed()
    [problem] = plugins.problems
    assert problem.message == "accuracy is the name of a built-in metric"
    assert plugins.metrics["accuracy"].built_in and find_metric("accuracy", lambda: plugins) == BUILT_IN["accuracy"]


def test_a_record_knows_a_metric_where_its_plugin_is_not_installed(
    site: Site, installed: Callable[[], Plugins], make_values: Callable[..., dict[str, Any]]
) -> None:
    site.install("cytobench-kappa", metric("kappa", "return 0.25", higher_is_better=False))
    used = metrics_used(kept_metrics(installed()))
    assert list(used) == ["kappa"]
    record = Record.model_validate({**make_values(), "metrics": used})
    again = recorded_metric("kappa", Record.model_validate(json.loads(record.model_dump_json())).metrics["kappa"])
    assert (again.name, again.title, again.higher_is_better) == ("kappa", "Kappa", False)
    failed = scores(["a", "b"], ["a", "b"], ["a", "b"], None, [], [again]).failed
    assert "cytobench-kappa 1.2, which offers it, is not installed" in failed["kappa"]


def test_the_page_shows_one_that_works_and_names_those_built_in(site: Site, installed: Callable[[], Plugins]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "plugins" / "metrics.md").read_text()
    site.install("cytobench-kappa", page.partition("```python\n")[2].partition("```")[0])
    scored = scores(["a", "b"], [*"aabb"], [*"aaba"], None, [], [find_metric("kappa", installed)])
    assert scored.values == {"kappa": 0.5}
    table = page[page.index("## Built in") : page.index("## Where they go")]
    names = re.findall(r"^\| `([a-z0-9_]+)(:LABEL)?` \| (.*?)(?: of LABEL)? \|", table, re.M)
    assert names == [(spec.name, ":LABEL" if spec.of_one_class else "", spec.title) for spec in SPECS]


def test_they_are_listed(site: Site) -> None:
    site.install("cytobench-kappa", metric("kappa", "return 0.25"))
    listed = json.loads(site.cytobench("plugins", "--json").stdout)
    metrics = {metric["name"]: metric for metric in listed["metrics"]}
    assert (metrics["kappa"]["built_in"], metrics["mcc"]["built_in"]) == (False, True)
    assert metrics["mcc"]["range"] == [-1, 1] and metrics["ece"]["higher_is_better"] is False
    shown = site.cytobench("plugins", "--check").stdout
    assert "Metrics" in shown and "kappa" in shown and "Broken" not in shown
