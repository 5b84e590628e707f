"""``cytobench plugin check`` and the tests for a plugin's own suite, on installed distributions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cytobench.cli import main
from cytobench.cli.plugin import NAMES
from cytobench.testing.kinds import KINDS

HEAD = "from cytobench.contract import ClassifierSpec, GeneratorSpec, hookimpl\n"
GENERATOR = """
@hookimpl
def cytobench_generators():
    return [GeneratorSpec(
        name="{name}", summary="{summary}", contract=1, revision=1, factory="sound_generator:{factory}",
        fit_config="sound_generator:FitConfig", sample_config="sound_generator:Sampling", scope="class",
    )]
"""
OBSERVER = "@hookimpl\ndef cytobench_run_finished(out):\n    (out / 'seen.txt').write_text('seen')\n"

Install = Callable[[str, str], None]
Command = Callable[..., tuple[int, str, str]]


def generator(factory: str = "Sound", name: str = "my-noise", summary: str = "noise") -> str:
    return HEAD + GENERATOR.format(name=name, factory=factory, summary=summary)


@pytest.fixture
def command(plugin_path: None, capsys: pytest.CaptureFixture[str]) -> Command:
    """``cytobench plugin check`` with arguments: exit code, stdout, stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["plugin", "check", *arguments])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return call


def statuses(out: str) -> dict[str, dict[str, str]]:
    """The status of each check, by kind."""
    subjects = json.loads(out)["subjects"]
    return {subject["kind"]: {check["name"]: check["status"] for check in renamed(subject)} for subject in subjects}


def renamed(subject: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**check, "name": check["check"]} for check in subject["checks"]]


def test_a_sound_plugin_passes_with_all_that_it_offers_and_observes(install: Install, command: Command) -> None:
    install("noise", generator() + OBSERVER)
    code, out, err = command("noise", "--json")
    assert (code, err) == (0, "")
    by_kind = statuses(out)
    assert list(by_kind) == ["plugin", "observer", "generator"]
    assert {kind: set(checks) for kind, checks in by_kind.items()} == {
        kind: {check.name for check in KINDS[kind].checks} for kind in by_kind
    }
    assert {status for checks in by_kind.values() for status in checks.values()} == {"passed", "left out"}
    subjects = json.loads(out)["subjects"]
    assert [subject["ran"] for subject in subjects] == [3, 6, 17]
    assert (subjects[2]["origin"], subjects[2]["version"], subjects[2]["revision"]) == ("dist-noise", "1.2", 1)


def test_an_entry_point_may_name_an_object(install: Install, command: Command, tmp_path: Path) -> None:
    body = (generator() + OBSERVER).removeprefix(HEAD).replace("\n", "\n    ").replace("():", "(self):")
    body = body.replace("(out):", "(self, out):")
    install("noise", f"{HEAD}class Plugin:\n    {body}\nplugin = Plugin()\n")
    points = tmp_path / "site" / "dist_noise-1.2.dist-info" / "entry_points.txt"
    points.write_text(points.read_text().replace("conformance_noise", "conformance_noise:plugin"))
    code, out, _ = command("noise", "--json")
    assert code == 0, out
    assert list(statuses(out)) == ["plugin", "observer", "generator"]


def test_lines_say_how_many_checks_ran_and_why_others_were_left_out(install: Install, command: Command) -> None:
    install("noise", generator("Blind"))
    code, out, _ = command("my-noise")
    lines = out.splitlines()
    assert code == 1
    assert lines[0] == "generator my-noise (dist-noise 1.2)"
    assert lines[-1] == "  17 checks ran: 16 passed, 1 failed; 2 left out"
    assert "  failed    other-shots         the 4 images are the same after a fit on other shots" in lines
    assert "  left out  device-memory       on a CPU; checked with --device cuda" in lines


@pytest.mark.parametrize(
    ("source", "check", "detail"),
    [
        ("raise RuntimeError('no luck')\n", "loads", "importing conformance_odd raised RuntimeError: no luck"),
        (HEAD + "@hookimpl\ndef cytobench_generator():\n    return []\n", "loads", "is no hook of cytobench"),
        ("", "loads", "has no function marked with cytobench.contract.hookimpl"),
        (HEAD + "@hookimpl\ndef cytobench_generators():\n    return []\n", "offers", "it offers nothing"),
        (HEAD + "@hookimpl\ndef cytobench_generators():\n    return ['noise']\n", "loads", "returned str where"),
        (HEAD + "@hookimpl\ndef cytobench_generators():\n    raise KeyError('a')\n", "loads", "raised KeyError: 'a'"),
        (generator(name="repeat"), "loads", "no generator has this name alone, it is offered by cytobench"),
        (generator(summary=" "), "offers", "without a summary: my-noise"),
        (generator() + "import torch\n", "light", "importing conformance_odd imports torch"),
    ],
)
def test_a_plugin_that_is_broken_as_a_whole_fails(
    install: Install, command: Command, source: str, check: str, detail: str
) -> None:
    install("odd", source)
    code, out, _ = command("odd", "--kind", "plugin", "--json")
    [subject] = json.loads(out)["subjects"]
    failed = {check["check"]: check["detail"] for check in subject["checks"] if check["status"] == "failed"}
    assert (code, set(failed)) == (1, {check})
    assert detail in failed[check]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("my-nose",), "my-nose: no such plugin, and no plugin offers it. Did you mean my-noise?"),
        (("my-noise", "--kind", "dataset"), "--kind dataset: my-noise is no dataset; it is: generator."),
        (("my-noise", "--set", "my-noise.kep=3"), "--set my-noise.kep: no such key. Did you mean my-noise.keep?"),
        (("my-noise", "--set", "my-noise.keep=0"), "my-noise: keep = 0"),
        (("my-noise", "--set", "other.keep=1"), "other is not checked here or has no options (checked: my-noise)."),
        (("phantom-fresh", "--set", "phantom-fresh.n=1"), "has no options (checked: nothing with options)."),
        (("clip", "--set", "clip.epochs=3"), "check one at a time: --kind classifier and --kind extractor."),
        (("my-noise", "--preset", "poket"), "--preset poket: no such preset. Did you mean pocket?"),
        (("my-noise", "--device", "gpu"), "--device gpu: torch knows no such device"),
        (("folder",), "path has no default and must be given. Set it with --set folder.KEY=VALUE."),
        (("folder", "--set", "folder.path=nowhere"), "nowhere"),
    ],
)
def test_a_users_mistake_is_exit_code_2_and_one_line(
    install: Install, command: Command, arguments: tuple[str, ...], message: str
) -> None:
    install("noise", generator())
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_a_role_that_there_is_not_fails_the_plugin(install: Install, command: Command) -> None:
    install("noise", generator().replace('scope="class"', 'scope="class", role="judge"') + OBSERVER)
    code, out, _ = command("noise", "--json")
    loads = next(check for check in json.loads(out)["subjects"][0]["checks"] if check["check"] == "loads")
    assert code == 1 and loads["status"] == "failed"
    assert "role = 'judge': Input should be 'candidate', 'control' or 'oracle'" in loads["detail"]


def test_a_name_that_two_plugins_offer_is_refused_with_the_reason(install: Install, command: Command) -> None:
    install("odd", generator(name="repeat"))
    code, _, err = command("repeat")
    assert code == 2
    assert "generator repeat: it is offered by cytobench" in err and "Write cytobench:repeat or dist-odd:repeat." in err


def test_a_module_that_is_not_packaged_is_checked(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unpackaged.py").write_text(generator())
    monkeypatch.setattr(sys, "path", list(sys.path))  # the current folder is added
    code, out, _ = command("unpackaged", "--plugin-module", "unpackaged", "--json")
    assert code == 0, out
    assert list(statuses(out)) == ["plugin", "generator"]
    assert json.loads(out)["subjects"][0]["version"] == "not packaged"


def test_the_command_knows_every_kind() -> None:
    assert set(NAMES) == set(KINDS)


def test_two_lines_make_a_test_of_each_check_in_a_plugins_own_suite(install: Install, tmp_path: Path) -> None:
    install("noise", generator("Blind", name="noise"))
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "test_mine.py").write_text(
        "from cytobench.testing import conformance\n"
        "test_noise = conformance.plugin('noise', values={'noise': {'batch_size': 3}})\n"
        "test_options = conformance.generator('noise', values={'batch_size': 2})\n"
        "test_unknown = conformance.classifier('nothing')\n"
    )
    plugins = Path(__file__).parent / "plugins"
    paths = [str(tmp_path / "site"), str(plugins), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "--rootdir", str(suite), str(suite)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
    )
    printed = done.stdout
    checks = len(KINDS["plugin"].checks), len(KINDS["generator"].checks), len(KINDS["classifier"].checks)
    left_out = 2 * 2
    failed = 2 + checks[2]
    passed = checks[0] + 2 * checks[1] - left_out - 2
    assert printed.splitlines()[-1].startswith(f"{failed} failed, {passed} passed, {left_out} skipped")
    assert "generator noise: other shots give other images: the 3 images are the same" in printed
    assert "generator noise: other shots give other images: the 2 images are the same" in printed
    assert "nothing: no such plugin" in printed
    assert "on a CPU; checked with device='cuda'" in printed
    assert "test_noise[plugin noise light]" in subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", str(suite)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
    ).stdout


def test_the_core_needs_no_pytest() -> None:
    imports = "from cytobench.testing import conformance; import cytobench.testing.worker"
    subprocess.run([sys.executable, "-c", f"import sys; sys.modules['pytest'] = None; {imports}"], check=True)
