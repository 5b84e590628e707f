"""Plugins found as installed distributions: a broken one is named and hides no other."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.metadata import DistributionFinder, MetadataPathFinder
from pathlib import Path

import pytest

from cytobench.errors import UserError
from cytobench.plugins import Plugins, load_plugins

HEAD = "from cytobench.contract import ClassifierSpec, DatasetSpec, GeneratorSpec, hookimpl\n"


def spec(name: str, contract: int = 1) -> str:
    return (
        f"ClassifierSpec(name={name!r}, summary='', contract={contract}, revision=1, "
        "factory='x:X', config='cytobench.contract:PluginConfig')"
    )


def offering(*names: str) -> str:
    """The source of a plugin that offers classifiers of these names."""
    return f"{HEAD}@hookimpl\ndef cytobench_classifiers():\n    return [{', '.join(map(spec, names))}]\n"


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plugins]:
    """Install distributions (entry point's name to source) into a folder of sys.path and load these alone."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(**sources: str) -> Plugins:
        for name, source in sources.items():
            module = f"{tmp_path.name.replace('-', '_')}_{name}"
            info = tmp_path / f"dist_{name}-1.2.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dist-{name}\nVersion: 1.2\n")
            (info / "entry_points.txt").write_text(f"[cytobench]\n{name} = {module}\n")
            (tmp_path / f"{module}.py").write_text(source)
        context = DistributionFinder.Context(path=[str(tmp_path)])
        found = MetadataPathFinder().find_distributions(context)
        return load_plugins(point for dist in found for point in dist.entry_points)

    return install


def problems(plugins: Plugins) -> list[tuple[str, str]]:
    return sorted((problem.plugin, problem.message) for problem in plugins.problems)


def test_a_plugin_of_another_distribution_is_offered_with_its_origin(load: Callable[..., Plugins]) -> None:
    plugins = load(good=offering("forest", "nearest"))
    assert problems(plugins) == []
    offer = plugins.classifier("nearest")
    assert (offer.spec.name, offer.origin, offer.version) == ("nearest", "dist-good", "1.2")
    assert sorted(plugins.classifiers) == ["forest", "nearest"]


def test_installed_plugins_are_found_by_the_group_without_being_named(
    load: Callable[..., Plugins], tmp_path: Path
) -> None:
    load(good=offering("forest-by-group"))
    plugins = load_plugins()
    assert plugins.classifier("forest-by-group").origin == "dist-good"
    assert {"repeat", "folder"} <= set(plugins.generators)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("import no_such_module_here\n", "raised ModuleNotFoundError: No module named 'no_such_module_here'"),
        ("raise RuntimeError('no luck')\n", "raised RuntimeError: no luck"),
        ("def oops(:\n", "raised SyntaxError"),
        (
            f"{HEAD}@hookimpl\ndef cytobench_classifiers(wrong):\n    return [{spec('lost')}]\n",
            "its hooks do not fit",
        ),
        (
            f"{HEAD}@hookimpl\ndef cytobench_clasifiers():\n    return []\n",
            "cytobench_clasifiers is no hook of cytobench; did you mean cytobench_classifiers?",
        ),
        (
            f"{HEAD}@hookimpl\ndef cytobench_classifiers():\n    raise KeyError('weights')\n",
            "cytobench_classifiers raised KeyError: 'weights'",
        ),
        (
            f"{HEAD}@hookimpl\ndef cytobench_classifiers():\n    return None\n",
            "cytobench_classifiers raised TypeError",
        ),
        (
            f"{HEAD}@hookimpl\ndef cytobench_classifiers():\n    return ['forest']\n",
            "returned str where a ClassifierSpec",
        ),
        (
            f"{HEAD}@hookimpl\ndef cytobench_classifiers():\n    return [{spec('old', contract=99)}]\n",
            "old is written for plugin contract 99; this cytobench has 1",
        ),
        (offering("a/b"), "'a/b' is no valid name"),
        (offering("a.b"), "'a.b' is no valid name"),
        (offering(""), "'' is no valid name"),
    ],
)
def test_a_broken_plugin_is_named_alone(load: Callable[..., Plugins], broken: str, message: str) -> None:
    plugins = load(broken=broken, good=offering("forest"), zebra=offering("nearest"))
    [(plugin, found)] = problems(plugins)
    assert plugin == "broken"
    assert message in found
    assert plugins.problems[0].origin == "dist-broken"
    assert sorted(plugins.classifiers) == ["forest", "nearest"]


def test_a_hook_with_a_wrong_argument_observes_nothing_either(load: Callable[..., Plugins]) -> None:
    """The other hooks of a refused plugin must not be half alive."""
    plugins = load(
        broken=f"{HEAD}@hookimpl\ndef cytobench_run_finished(out, wrong):\n    pass\n"
        f"@hookimpl\ndef cytobench_classifiers():\n    return [{spec('lost')}]\n"
        "@hookimpl\ndef cytobench_trial_finished(record):\n    raise RuntimeError\n"
    )
    assert len(plugins.problems) == 1
    assert "wrong" in plugins.problems[0].message
    assert plugins.classifiers == {}
    assert plugins.notify("cytobench_trial_finished", record={}) == []


def test_a_misspelt_hook_takes_the_whole_plugin_out(load: Callable[..., Plugins]) -> None:
    plugins = load(broken=offering("lost") + "@hookimpl\ndef cytobench_trial_finish(record):\n    pass\n")
    assert plugins.classifiers == {}
    assert "did you mean cytobench_trial_finished?" in plugins.problems[0].message


def test_a_spec_refused_leaves_the_other_specs_of_its_plugin(load: Callable[..., Plugins]) -> None:
    source = f"{HEAD}@hookimpl\ndef cytobench_classifiers():\n    return [{spec('old', 99)}, {spec('new')}]\n"
    plugins = load(mixed=source)
    assert list(plugins.classifiers) == ["new"]
    assert len(plugins.problems) == 1


def test_a_hook_may_be_a_generator_function_and_one_that_raises_midway_is_reported(
    load: Callable[..., Plugins],
) -> None:
    head = f"{HEAD}@hookimpl\ndef cytobench_classifiers():\n    yield {spec('NAME')}\n"
    plugins = load(
        good=head.replace("NAME", "forest"),
        midway=head.replace("NAME", "half") + "    raise RuntimeError('midway')\n",
    )
    assert list(plugins.classifiers) == ["forest"]
    assert problems(plugins) == [("midway", "cytobench_classifiers raised RuntimeError: midway")]


def test_a_name_offered_twice_is_won_by_nobody_and_both_are_named(load: Callable[..., Plugins]) -> None:
    plugins = load(one=offering("forest", "only"), two=offering("forest"))
    assert list(plugins.classifiers) == ["only"]
    message = "the name forest is offered by one (dist-one) and two (dist-two); uninstall one of them"
    assert [
        (plugin, text.replace("two (dist-two) and one (dist-one)", "one (dist-one) and two (dist-two)"))
        for plugin, text in problems(plugins)
    ] == [("one", message), ("two", message)]
    with pytest.raises(UserError, match="offered by"):
        plugins.classifier("forest")


def test_asking_for_a_broken_plugin_says_why(load: Callable[..., Plugins]) -> None:
    plugins = load(forest="raise RuntimeError('no luck')\n")
    with pytest.raises(UserError, match=r"--classifier forest: plugin forest is broken: .* no luck"):
        plugins.classifier("forest")


def test_an_unknown_name_gets_the_nearest_and_all_installed(load: Callable[..., Plugins]) -> None:
    plugins = load(good=offering("forest", "nearest"))
    with pytest.raises(UserError) as refused:
        plugins.classifier("forst")
    assert str(refused.value) == (
        "--classifier forst: no such classifier. Did you mean forest? Installed: forest, nearest."
    )


def test_observers_get_what_they_ask_for_and_one_that_raises_stops_no_other(
    load: Callable[..., Plugins], tmp_path: Path
) -> None:
    seen = tmp_path / "seen.json"
    plugins = load(
        angry=f"{HEAD}@hookimpl\ndef cytobench_run_finished(out, failed):\n    raise OSError('disk full')\n",
        calm=f"{HEAD}import json\n@hookimpl\ndef cytobench_run_finished(failed):\n"
        f"    open({str(seen)!r}, 'w').write(json.dumps(failed))\n",
    )
    assert problems(plugins) == []
    messages = plugins.notify("cytobench_run_finished", out=tmp_path, failed=3)
    assert messages == ["angry: cytobench_run_finished raised OSError: disk full"]
    assert json.loads(seen.read_text()) == 3


def test_factories_are_not_imported_to_list_plugins(load: Callable[..., Plugins]) -> None:
    plugins = load(good=offering("forest"))
    assert plugins.classifier("forest").spec.factory == "x:X"
    assert "x" not in sys.modules
