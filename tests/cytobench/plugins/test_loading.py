"""Plugins found as installed distributions, what they offer, and who observes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cytobench.cli import main
from cytobench.errors import UserError
from cytobench.plugins import load_plugins

from ..distributions import HEAD, Site, classifier, offering, returning


def test_a_plugin_of_another_distribution_is_offered_with_its_origin(site: Site) -> None:
    site.install("cytobench-good", offering("forest", "nearest"))
    plugins = load_plugins()
    offer = plugins.classifier("nearest")
    assert (offer.spec.name, offer.origin, offer.version) == ("nearest", "cytobench-good", "1.2")
    assert not offer.built_in and plugins.classifier("random").built_in
    assert {"forest", "nearest", "random"} <= set(plugins.classifiers)
    assert plugins.problems == []


def test_a_misspelt_hook_takes_the_whole_plugin_out(site: Site) -> None:
    """The other hooks of a refused plugin must not be half alive."""
    angry = "@hookimpl\ndef cytobench_trial_finished(record):\n    raise RuntimeError\n"
    misspelt = "@hookimpl\ndef cytobench_trial_finish(record):\n    pass\n"
    site.install("cytobench-bad", offering("lost") + angry + misspelt)
    plugins = load_plugins(site.points())
    assert list(plugins.classifiers) == []
    assert "did you mean cytobench_trial_finished?" in plugins.problems[0].message
    assert plugins.notify("cytobench_trial_finished", record={}) == []


def test_a_hook_of_another_cytobench_may_be_marked_as_optional(site: Site) -> None:
    later = "@hookimpl(optionalhook=True)\ndef cytobench_segmenters(kind):\n    return []\n"
    site.install("cytobench-good", offering("forest") + later)
    plugins = load_plugins(site.points())
    assert (list(plugins.classifiers), plugins.problems) == (["forest"], [])


def test_a_spec_refused_leaves_the_other_specs_of_its_plugin(site: Site) -> None:
    site.install("cytobench-mixed", returning(f"[{classifier('old', contract=99)}, {classifier('new')}]"))
    plugins = load_plugins(site.points())
    assert list(plugins.classifiers) == ["new"]
    (problem,) = plugins.problems
    assert problem.offered == "old"
    with pytest.raises(UserError, match=r"classifier='old': its plugin is broken: mixed \(cytobench-mixed 1.2\): .*99"):
        plugins.classifier("old")


def test_a_hook_may_be_a_generator_function_and_an_entry_point_an_object(site: Site) -> None:
    source = (
        f"{HEAD}class Plugin:\n    @hookimpl\n    def cytobench_classifiers(self):\n"
        f"        yield {classifier('forest')}\nplugin = Plugin()\n"
    )
    site.install("cytobench-good", source, points={"good": "cytobench_good:plugin"})
    assert list(load_plugins(site.points()).classifiers) == ["forest"]


def test_one_module_under_two_entry_points_is_loaded_once_and_told(site: Site) -> None:
    site.install("cytobench-good", offering("forest"))
    site.install("cytobench-other", points={"again": "cytobench_good"})
    plugins = load_plugins(site.points())
    assert list(plugins.classifiers) == ["forest"]
    (problem,) = plugins.problems
    assert str(problem).startswith("again (cytobench-other 1.2): good (cytobench-good 1.2) is the same module. ")


def test_asking_for_a_broken_plugin_says_why(site: Site) -> None:
    site.install("cytobench-forest", "raise RuntimeError('no luck')\n")
    with pytest.raises(UserError, match=r"classifier='forest': its plugin is broken: forest .*no luck.* Upgrade it"):
        load_plugins().classifier("forest")


def test_an_unknown_name_gets_the_nearest_all_installed_and_what_is_broken(site: Site) -> None:
    site.install("cytobench-good", offering("forest", "nearest"))
    site.install("cytobench-bad", "raise RuntimeError\n")
    with pytest.raises(UserError) as refused:
        load_plugins(site.points()).classifier("forst")
    assert str(refused.value) == (
        "classifier='forst': no such classifier. Did you mean forest? Installed: forest, nearest. "
        "Broken, see `cytobench plugins`: bad (cytobench-bad)."
    )


def test_observers_get_what_they_ask_for_as_copies_and_one_that_raises_stops_no_other(site: Site) -> None:
    seen = site.path / "seen.json"
    site.install(
        "cytobench-angry",
        f"{HEAD}@hookimpl\ndef cytobench_trial_finished(record):\n    record.clear()\n    raise OSError('disk full')\n",
    )
    site.install(
        "cytobench-calm",
        f"{HEAD}import json\n@hookimpl\ndef cytobench_trial_finished(record):\n"
        f"    open({str(seen)!r}, 'w').write(json.dumps(record))\n",
    )
    plugins = load_plugins(site.points())
    (message,) = plugins.notify("cytobench_trial_finished", record={"row": "a"})
    assert message.startswith("angry (cytobench-angry 1.2): cytobench_trial_finished raised OSError: disk full. ")
    assert json.loads(seen.read_text()) == {"row": "a"}


def test_fifty_plugins_are_listed_without_their_heavy_parts(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(50):
        heavy = f"heavy_{number}"
        spec = classifier(f"forest{number}", factory=f"{heavy}:Forest", config=f"{heavy}:Config")
        site.install(f"cytobench-forest{number}", returning(f"[{spec}]"), modules={heavy: "raise RuntimeError\n"})
    with pytest.raises(SystemExit):
        main(["plugins", "--json"])
    listed = json.loads(capsys.readouterr().out)
    assert {f"forest{number}" for number in range(50)} <= {offer["name"] for offer in listed["classifiers"]}
    assert listed["problems"] == []
    assert not any(name.startswith("heavy_") for name in sys.modules)


def test_an_uninstalled_plugin_leaves_records_that_read_and_rank(
    site: Site, cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    options = ["--dataset", str(cells), "--folds", "3", "--synthetic", "0", "--device", "cpu", "--out", out, "--quiet"]

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        return (ended.value.code, *capsys.readouterr())

    site.install("cytobench-good", offering("forest"))
    assert call("run", "--classifier", "forest", *options)[0] == 0
    site.uninstall("cytobench-good")
    code, _, err = call("run", "--classifier", "forest", *options)
    assert (code, "--classifier forest: no such classifier" in err) == (2, True)
    assert call("run", "--classifier", "random", *options)[0] == 0
    code, text, _ = call("leaderboard", out, "--format", "json")
    rows = {row["row"]: row for row in json.loads(text)["sections"][0]["rows"]}
    assert [row["rank"] for row in rows.values()] == [1, 1]  # both guess, with one seed
    gone = rows["none/forest/s0/n0"]["distributions"]
    assert gone == [{"part": "classifier", "distribution": "cytobench-good", "version": "1.2", "built_in": False}]
    table = call("leaderboard", out)[1]
    assert "forest †" in table and "third-party: classifier of cytobench-good 1.2" in table
    assert call("compare", out, "--a", "none/forest/s0/n0", "--b", "none/random/s0/n0")[0] == 0
