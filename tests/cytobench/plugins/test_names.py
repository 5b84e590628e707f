"""Two plugins with one name: neither has it alone, and DISTRIBUTION:NAME chooses wherever a name is typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cytobench.api import RunResult, run
from cytobench.cli import main
from cytobench.config.benchmark import read_benchmark
from cytobench.errors import UserError
from cytobench.plugins import load_plugins
from cytobench.storage.records import read_record

from ..distributions import HEAD, Site, classifier, offering, returning

Run = Callable[..., RunResult]
CONFIG = "from cytobench.contract import PluginConfig\nclass Config(PluginConfig):\n    depth: int = 3\n"
FACTORY = "from cytobench_controls.random import Random\nclass Forest(Random):\n    pass\n"
CELLS = (
    "from cytobench.data.folder import load_folder\nfrom PIL import Image\n"
    "def make(folder):\n"
    "    for i in range(36):\n"
    "        file = folder / 'cells' / 'ABC'[i // 12] / f'{{i}}.png'\n"
    "        file.parent.mkdir(parents=True, exist_ok=True)\n"
    "        Image.new('RGB', (16, 16), (i, i, {shade})).save(file)\n"
    "    return load_folder(folder / 'cells', folder)\n"
)


@pytest.fixture
def twins(site: Site) -> Site:
    """``forest`` of two distributions, each with an option; ``oak`` of the first alone."""
    for name in ("one", "two"):
        heavy = f"heavy_{name}"
        named = classifier("forest", factory=f"{heavy}:Forest", config=f"{heavy}:Config")
        specs = [named, classifier("oak")] if name == "one" else [named]
        site.install(f"dist-{name}", returning(f"[{', '.join(specs)}]"), modules={heavy: CONFIG + FACTORY})
    return site


def record(out: Path, name: str):
    return read_record(out / "records" / f"{name}__fold0.json")


def test_neither_has_the_name_alone_and_both_are_told(twins: Site) -> None:
    plugins = load_plugins(twins.points())
    assert list(plugins.classifiers) == ["dist-one:forest", "dist-two:forest", "oak"]
    assert sorted(map(str, plugins.problems)) == [
        f"forest (dist-{name} 1.2): no classifier has this name alone, it is offered by dist-one 1.2 and dist-two 1.2. "
        "Write dist-one:forest or dist-two:forest."
        for name in ("one", "two")
    ]
    with pytest.raises(UserError, match=r"forest: it is offered by .* Write dist-one:forest or dist-two:forest"):
        plugins.classifier("forest")
    assert plugins.classifier("dist-two:forest").origin == "dist-two"
    assert plugins.classifier("dist-one:oak").origin == "dist-one"
    with pytest.raises(UserError, match="classifier='dist-two:oak': no such classifier"):
        plugins.classifier("dist-two:oak")


def test_a_built_in_name_is_not_taken_either(site: Site) -> None:
    site.install("dist-one", offering("random"))
    plugins = load_plugins()
    assert {"cytobench:random", "dist-one:random"} <= set(plugins.classifiers)
    assert plugins.classifier("cytobench:random").built_in
    with pytest.raises(UserError, match="Write cytobench:random or dist-one:random"):
        plugins.classifier("random")


def test_one_distribution_that_offers_a_name_twice_can_use_neither(site: Site) -> None:
    site.install("dist-one", offering("forest", "forest", "oak"))
    plugins = load_plugins(site.points())
    assert list(plugins.classifiers) == ["oak"]
    for name in ("forest", "dist-one:forest"):
        with pytest.raises(UserError, match=r"offered 2 times by dist-one 1.2. Its author must rename all but one"):
            plugins.classifier(name)
    (problem,) = plugins.problems
    assert problem.offered == "forest"


def test_both_run_beside_each_other_with_options_rows_and_files_of_their_own(
    twins: Site, small: Run, tmp_path: Path
) -> None:
    result = small(
        classifier=["dist-one:forest", "dist-two:forest", "oak"],
        synthetic=[0],
        fold=[0],
        set={"dist-two:forest": {"depth": 5}},
    )
    out = tmp_path / "out"
    assert result.outcome.failed == {}
    names = [f"none/{name}/s0/n0" for name in ("dist-one:forest", "dist-two:forest", "oak")]
    assert sorted(row.row for row in result.leaderboard.sections[0].rows) == names
    first, second = (record(out, f"none__dist-{name}-forest__s0__n0") for name in ("one", "two"))
    assert [record.classifier.plugin for record in (first, second)] == ["forest", "forest"]
    assert [record.classifier.distribution for record in (first, second)] == ["dist-one", "dist-two"]
    assert [record.classifier.config["depth"] for record in (first, second)] == [3, 5]


def test_work_of_one_is_never_taken_for_that_of_the_other(twins: Site, small: Run, tmp_path: Path) -> None:
    """Same name, revision, options and inputs: only the distribution tells them apart."""
    small(classifier=["dist-one:forest"], synthetic=[0], fold=[0])
    small(classifier=["dist-two:forest"], synthetic=[0], fold=[0])
    twins.uninstall("dist-two")
    result = small(classifier=["forest"], synthetic=[0], fold=[0])  # the first one's, which is alone now
    assert len(list((tmp_path / "out" / "store" / "train").glob("*/*"))) == 2
    keys = [record(tmp_path / "out", f"none__{name}__s0__n0").key for name in ("dist-one-forest", "dist-two-forest")]
    assert len(set(keys)) == 2
    assert record(tmp_path / "out", "none__forest__s0__n0").key == keys[0]
    assert result.outcome.done


def test_qualified_names_in_a_file_and_in_variants_run_again(
    twins: Site, cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "b.toml", tmp_path / "out"
    file.write_text(
        f'dataset = "{cells}"\nclassifier = ["dist-one:forest", "deep"]\nfolds = 3\nfold = [0]\nsynthetic = [0]\n'
        'device = "cpu"\n[set."dist-one:forest"]\ndepth = 4\n'
        '[variants.deep]\nplugin = "dist-two:forest"\ndepth = 9\n'
    )
    arguments = ["run", str(file), "--out", str(out), "--set", "dist-one:forest.depth=6", "--quiet"]
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
    assert "0 trials done, 2 found done" in capsys.readouterr().err
    assert record(out, "none__dist-one-forest__s0__n0").classifier.config["depth"] == 6
    deep = record(out, "none__deep__s0__n0").classifier
    assert (deep.distribution, deep.config["depth"]) == ("dist-two", 9)
    assert read_benchmark(out / "benchmark.toml").set["dist-one:forest"] == {"depth": 6}
    again = run(out / "benchmark.toml", out=out)
    assert len(again.outcome.reused) == 2


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ({"deep": {"plugin": "forest"}}, "classifier forest: it is offered by"),
        ({"dist-one:forest": {"plugin": "oak"}}, "dist-one:forest is an installed plugin"),
        ({"deep": {"plugin": "dist-two:oak"}}, "variants.deep.plugin dist-two:oak: no such plugin"),
    ],
)
def test_variants_of_names_that_are_not_free_are_refused(twins: Site, small: Run, variants, message: str) -> None:
    with pytest.raises(UserError, match=message):
        small(classifier=[*variants], variants=variants, synthetic=[0])


def test_names_that_files_cannot_tell_apart_are_refused(twins: Site, small: Run) -> None:
    twins.install("dist-three", offering("dist-one-forest"))
    with pytest.raises(UserError, match="would share their files"):
        small(classifier=["dist-one:forest", "dist-one-forest"], synthetic=[0])


def test_data_sets_of_one_name_are_chosen_and_drawn_apart(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    for shade, name in enumerate(("one", "two")):
        spec = (
            "DatasetSpec(name='smear', summary='', contract=1, revision=1, preset='pocket', "
            f"factory='drawn_{name}:make', public=True, drawn=True)"
        )
        hook = f"{HEAD}@hookimpl\ndef cytobench_datasets():\n    return [{spec}]\n"
        site.install(f"dist-{name}", hook, modules={f"drawn_{name}": CELLS.format(shade=shade)})
    monkeypatch.chdir(tmp_path)
    values = {"classifier": ["random"], "folds": 3, "fold": [0], "device": "cpu"}
    first, second = (run(dataset=f"dist-{name}:smear", **values) for name in ("one", "two"))
    assert first.outcome.out == Path("results/dist-one-smear-strict-pocket")
    used = [record(result.outcome.out, "none__random__s0__n0").dataset for result in (first, second)]
    assert [(plugin.name, plugin.distribution, plugin.version) for plugin in used] == [
        ("smear", "dist-one", "1.2"),
        ("smear", "dist-two", "1.2"),
    ]
    assert used[0].digest != used[1].digest
    assert "The data set is of a third-party plugin: dist-one 1.2." in first.leaderboard.sections[0].notes
    with pytest.raises(UserError, match=r"dataset smear: it is offered by dist-one 1.2 and dist-two 1.2"):
        run(dataset="smear", **values)
