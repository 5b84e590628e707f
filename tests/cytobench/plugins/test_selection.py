"""Which plugins are loaded: the environment variables and ``--plugin-module``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cytobench.cli import main
from cytobench.errors import CytobenchError, UserError
from cytobench.plugins import load_plugins

from ..distributions import HEAD, Site, offering


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return (ended.value.code, *capsys.readouterr())


@pytest.fixture
def three(site: Site) -> Site:
    site.install("cytobench-apple", offering("apple"))
    site.install("cytobench-zebra", offering("zebra"))
    site.install("cytobench-bad", "raise RuntimeError('no luck')\n")
    return site


@pytest.mark.parametrize(
    ("value", "loaded"),
    [
        ("", set()),
        ("apple", {"apple"}),
        ("cytobench-zebra, apple", {"apple", "zebra"}),
        ("controls", {"random"}),
        ("cytobench", {"random", "clip", "command", "timm", "resnet50"}),
    ],
)
def test_the_environment_names_the_only_plugins_to_load(
    three: Site, monkeypatch: pytest.MonkeyPatch, value: str, loaded: set[str]
) -> None:
    monkeypatch.setenv("CYTOBENCH_LOAD_PLUGINS", value)
    plugins = load_plugins()
    assert set(plugins.classifiers) == loaded
    assert plugins.problems == []
    with pytest.raises(UserError, match="Loaded, by CYTOBENCH_LOAD_PLUGINS: "):
        plugins.classifier("nearest")


def test_a_plugin_to_load_that_is_not_installed_is_a_mistake(three: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CYTOBENCH_LOAD_PLUGINS", "aple,zebra")
    with pytest.raises(UserError, match=r"CYTOBENCH_LOAD_PLUGINS names aple, which is not installed\. Installed: app"):
        load_plugins()


def test_strict_makes_a_broken_plugin_an_error(
    three: Site, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["run", "--dataset", str(cells), "--classifier", "apple", "--out", str(tmp_path / "out")]
    monkeypatch.setenv("CYTOBENCH_STRICT_PLUGINS", "1")
    code, out, err = call(capsys, *run)
    assert (code, out) == (1, "")
    assert "bad (cytobench-bad 1.2): importing cytobench_bad raised RuntimeError: no luck" in err
    assert not (tmp_path / "out").exists()
    code, out, _ = call(capsys, "plugins", "--json")
    assert code == 1
    assert "apple" in {offer["name"] for offer in json.loads(out)["classifiers"]}
    three.uninstall("cytobench-bad")
    assert call(capsys, "plugins")[0] == 0
    with pytest.raises(CytobenchError):
        three.install("cytobench-bad", "1 / 0\n")
        load_plugins()
    monkeypatch.setenv("CYTOBENCH_STRICT_PLUGINS", "0")
    assert len(load_plugins().problems) == 1


def test_strict_makes_an_observer_that_raises_an_error_after_the_run(
    site: Site, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("cytobench-angry", f"{HEAD}@hookimpl\ndef cytobench_run_started():\n    raise RuntimeError('angry')\n")
    options = ["--dataset", str(cells), "--folds", "3", "--fold", "0", "--device", "cpu", "--json", "--quiet"]
    for value, expected in (("", 0), ("1", 1)):
        monkeypatch.setenv("CYTOBENCH_STRICT_PLUGINS", value)
        out = str(tmp_path / f"out{expected}")
        code, text, err = call(capsys, "run", "--classifier", "random", *options, "--out", out)
        assert code == expected
        assert json.loads(text)["sections"][0]["rows"][0]["complete"]
        assert ("allows no observer that breaks" in err) == bool(expected)


@pytest.mark.parametrize("before", [True, False])
def test_a_module_that_is_not_packaged_is_tried_from_the_current_folder(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], before: bool
) -> None:
    work = tmp_path / "work"
    (work / f"mine{before}").mkdir(parents=True)
    (work / f"mine{before}" / "plugin.py").write_text(offering("forest"))
    module = f"mine{before}.plugin"
    monkeypatch.chdir(work)
    monkeypatch.setattr("sys.path", __import__("sys").path.copy())
    option = ["--plugin-module", module]
    options = ["--classifier", "forest", "--dataset", str(cells), "--folds", "3", "--fold", "0", "--json"]
    code, text, _ = call(capsys, *(option if before else []), "run", *([] if before else option), *options)
    assert code == 0
    (row,) = json.loads(text)["sections"][0]["rows"]
    assert row["distributions"] == [
        {"part": "classifier", "distribution": module, "version": "not packaged", "built_in": False}
    ]
    code, text, _ = call(capsys, "plugins", *option, "--plugin-module", module, "--verbose")
    assert f"({module} not packaged, third-party)" in text
    assert "Broken" not in text


def test_a_module_that_breaks_is_listed_and_one_that_is_nowhere_is_a_mistake(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    (site.path / "half_done.py").write_text("def oops(:\n")
    code, text, _ = call(capsys, "--plugin-module", "half_done", "plugins")
    assert code == 0
    assert "half_done (half_done not packaged): importing half_done raised SyntaxError" in text
    code, text, _ = call(capsys, "plugins", "--plugin-module", "half_done.part")
    assert "half_done.part (half_done.part not packaged): " in text
    (site.path / "whole.py").touch()
    for wrong in ("no_such_module_here", "no_such_module_here.plugin", "whole.part", "./half_done.py", ""):
        code, out, err = call(capsys, "plugins", "--plugin-module", wrong)
        assert (code, out) == (2, "")
        assert f"--plugin-module {wrong}: there is no such module" in err


def test_a_module_that_is_installed_as_a_plugin_too_is_that_plugin(three: Site) -> None:
    three.uninstall("cytobench-bad")
    plugins = load_plugins(modules=["cytobench_apple"])
    assert plugins.problems == []
    assert plugins.classifier("apple").origin == "cytobench-apple"
