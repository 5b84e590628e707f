"""One bad plugin hurts nobody else: each kind of fault in an installed distribution, named with a way out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cytobench.api import RunResult
from cytobench.cli import main
from cytobench.errors import CytobenchError
from cytobench.plugins import load_plugins

from ..distributions import HEAD, Site, classifier, offering, returning

UPGRADE = "Upgrade it (pip install -U cytobench-bad), tell its author, or uninstall it."
HOOK = "@hookimpl\ndef cytobench_classifiers"


@dataclass(frozen=True)
class Fault:
    """A distribution that is wrong, and what must be said of it."""

    source: str
    message: str
    remedy: str = UPGRADE
    options: Mapping[str, Any] = field(default_factory=dict)


FAULTS = {
    "import error": Fault("raise RuntimeError('no luck')\n", "importing cytobench_bad raised RuntimeError: no luck"),
    "syntax error": Fault("def oops(:\n", "importing cytobench_bad raised SyntaxError: invalid syntax"),
    "text that breaks": Fault(
        "class E(Exception):\n    def __str__(self): raise E\nraise E\n", "raised E: (it has no text)"
    ),
    "sys.exit": Fault("import sys; sys.exit('bye')\n", "importing cytobench_bad called sys.exit('bye')"),
    "no exception class": Fault("class E(BaseException): pass\nraise E('odd')\n", "raised E: odd"),
    "missing dependency, declared": Fault(
        "import no_such_module_here\n",
        "it needs the module no_such_module_here, which is not installed",
        "Install it: pip install 'no-such-module_here>=2'.",
        {"requires": ["numpy>=1", "other-absent", "no-such-module_here>=2", "absent; python_version < '3'"]},
    ),
    "missing dependency under another name": Fault(
        "import no_such_module_here.part\n",
        "it needs the module no_such_module_here, which is not installed",
        "Install it: pip install 'absent-image>=0.2'.",
        {"requires": ["absent-image>=0.2", "numpy", "absent-extra; extra == 'gpu'"]},
    ),
    "missing dependency, not declared": Fault(
        "import no_such_module_here\n",
        "it needs the module no_such_module_here, which is not installed",
        "Install it: pip install no_such_module_here, or the package that has this module under another name "
        "(its distribution does not declare it).",
    ),
    "another cytobench": Fault(
        "from cytobench.contract import SegmenterSpec\n",
        "raised ImportError: cannot import name 'SegmenterSpec' from 'cytobench.contract'",
        "It is written for another cytobench than",
    ),
    "entry point to no module": Fault(
        "",
        "its entry point names cytobench_bad.hooks.all, and there is no module cytobench_bad.hooks",
        options={"points": {"bad": "cytobench_bad.hooks.all"}},
    ),
    "entry point to no name": Fault(
        offering("lost"),
        "its entry point names cytobench_bad:hooks, and cytobench_bad has no hooks",
        options={"points": {"bad": "cytobench_bad:hooks"}},
    ),
    "entry point that is none": Fault(
        "", "its entry point 'cytobench bad' is not of the form module", options={"points": {"bad": "cytobench bad"}}
    ),
    "hook with a wrong argument": Fault(
        f"{HEAD}{HOOK}(wrong):\n    return [{classifier('lost')}]\n",
        "cytobench_classifiers wants the argument wrong; cytobench gives no argument",
    ),
    "observer with a wrong argument": Fault(
        offering("lost") + "@hookimpl\ndef cytobench_run_finished(out, wrong):\n    pass\n",
        "cytobench_run_finished wants the argument wrong; cytobench gives out, failed",
    ),
    "misspelt hook": Fault(
        offering("lost") + "@hookimpl\ndef cytobench_clasifiers():\n    return []\n",
        "cytobench_clasifiers is no hook of cytobench; did you mean cytobench_classifiers?",
    ),
    "hook without its marker": Fault(
        offering("lost") + "def cytobench_generator():\n    return []\n",
        "cytobench_generator is not marked with cytobench.contract.hookimpl",
    ),
    "no hook at all": Fault("", "cytobench_bad has no function marked with cytobench.contract.hookimpl"),
    "hook wrapper": Fault(
        f"{HEAD}@hookimpl(wrapper=True)\ndef cytobench_classifiers():\n    return (yield)\n",
        "cytobench_classifiers is a hook wrapper",
    ),
    "hook that raises": Fault(returning("1 / 0"), "cytobench_classifiers raised ZeroDivisionError"),
    "hook that exits": Fault(returning("__import__('sys').exit(3)"), "cytobench_classifiers called sys.exit(3)"),
    "hook that returns nothing": Fault(returning("None"), "cytobench_classifiers raised TypeError: 'NoneType'"),
    "hook that returns a text": Fault(returning("'forest'"), "it returned str where a sequence of specs is expected"),
    "hook that returns rubbish": Fault(returning("[7]"), "returned int where a ClassifierSpec is expected"),
    "spec without a name": Fault(
        returning(f"[{classifier('x').replace(repr('x'), 'None')}]"), "ClassifierSpec None: name = None"
    ),
    "spec with a bad name": Fault(offering("a:b"), "'a:b' is no valid name"),
    "spec with a bad factory": Fault(
        returning(f"[{classifier('x', factory='nowhere')}]"), "x: factory 'nowhere' is not of the form module:attribute"
    ),
    "spec with a role that is none": Fault(
        returning(f"[{classifier('x').replace('config=', 'role=' + repr('judge') + ', config=')}]"),
        "ClassifierSpec 'x': role = 'judge': Input should be 'candidate', 'control' or 'oracle'",
    ),
    "spec with a field that is none": Fault(
        returning("[ClassifierSpec(name='x', colour='red')]"),
        "cytobench_classifiers raised TypeError: ClassifierSpec.__init__() got an unexpected keyword argument 'colour'",
        "It is written for another cytobench than",
    ),
    "generator that raises midway": Fault(
        f"{HEAD}{HOOK}():\n    yield {classifier('half')}\n    raise RuntimeError('midway')\n",
        "cytobench_classifiers raised RuntimeError: midway",
    ),
    "generator without end": Fault(
        f"{HEAD}{HOOK}():\n    while True:\n        yield {classifier('more')}\n", "it returned more than 1000 specs"
    ),
    "newer contract": Fault(
        returning(f"[{classifier('lost', contract=99)}]"),
        "lost is written for plugin contract 99; this cytobench",
        "Upgrade cytobench (pip install -U cytobench), or take an older cytobench-bad.",
    ),
    "older contract": Fault(
        returning(f"[{classifier('lost', contract=0)}]"),
        "lost is written for plugin contract 0; this cytobench",
        "Upgrade it (pip install -U cytobench-bad).",
    ),
}


def listed(capfd: pytest.CaptureFixture[str], *options: str) -> str:
    """What ``cytobench plugins`` prints; its exit code is 0 whatever is broken."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["plugins", *options])
    assert ended.value.code == 0
    return capfd.readouterr().out


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_it_is_named_alone_with_a_way_out(site: Site, fault: Fault, capfd: pytest.CaptureFixture[str]) -> None:
    """On either side of it in the order of names is a plugin that works."""
    site.install("cytobench-bad", fault.source, **fault.options)
    site.install("cytobench-apple", offering("apple"))
    site.install("cytobench-zebra", offering("zebra"))
    text = listed(capfd)
    broken = text.partition("\nBroken\n")[2]
    (line,) = broken.splitlines()
    assert line.startswith("  bad (cytobench-bad 1.2): ")
    assert fault.message in line
    assert fault.remedy in line
    assert "apple of a test (cytobench-apple 1.2, third-party)" in " ".join(text.split())
    plugins = load_plugins()
    assert {"apple", "zebra", "random"} <= set(plugins.classifiers)
    assert plugins.classifiers.keys().isdisjoint({"lost", "half", "more", "x"})


def test_runs_of_all_others_are_unharmed_by_all_of_them_together(site: Site, cells: Path, tmp_path: Path) -> None:
    for number, fault in enumerate(FAULTS.values()):
        name = f"cytobench-bad{number}"
        options = {"points": {"bad": f"cytobench_bad{number}"}, **fault.options}
        site.install(name, fault.source, **options)
    site.install("cytobench-loud", "import os\nprint('loud')\nos.system('echo louder')\n" + offering("loud"))
    options = ("--dataset", str(cells), "--folds", "3", "--fold", "0", "--synthetic", "0", "--device", "cpu")
    done = site.cytobench("run", "--classifier", "loud", *options, "--out", str(tmp_path / "out"), "--json")
    assert done.returncode == 0, done.stderr
    (section,) = json.loads(done.stdout)["sections"]
    (row,) = section["rows"]
    assert row["complete"]
    assert row["distributions"] == [
        {"part": "classifier", "distribution": "cytobench-loud", "version": "1.2", "built_in": False}
    ]
    assert done.stderr.count("Broken plugin: ") == len(FAULTS)
    assert {"loud", "louder"} <= set(done.stderr.splitlines())


def test_what_a_plugin_prints_while_it_is_loaded_never_reaches_stdout(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    loud = "import os, sys\nprint('one')\nos.system('echo two')\nsys.__stdout__.write('three\\n')\n"
    site.install("cytobench-loud", f"{loud}{HEAD}{HOOK}():\n    print('four')\n    return [{classifier('loud')}]\n")
    with pytest.raises(SystemExit):
        main(["plugins", "--json"])
    out, err = capfd.readouterr()
    assert "loud" in {offer["use"] for offer in json.loads(out)["classifiers"]}
    assert set(err.split()) == {"one", "two", "three", "four"}
    print("afterwards")
    assert capfd.readouterr().out == "afterwards\n"


def test_ctrl_c_while_a_plugin_is_imported_stops(site: Site) -> None:
    site.install("cytobench-bad", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load_plugins(site.points())


def test_a_damaged_list_of_entry_points_hides_no_other(site: Site) -> None:
    site.install("cytobench-bad", points={})
    (info,) = site.path.glob("*.dist-info")
    (info / "entry_points.txt").write_text("[cytobench]\nno equals sign\n")
    site.install("cytobench-good", offering("forest"))
    plugins = load_plugins()
    assert {"forest", "random"} <= set(plugins.classifiers)
    (problem,) = plugins.problems
    assert str(problem).startswith("entry_points.txt (cytobench-bad 1.2): ")


def test_a_distribution_without_metadata_is_listed_as_unknown(site: Site) -> None:
    site.install("cytobench-good", offering("forest"))
    (info,) = site.path.glob("*.dist-info")
    (info / "METADATA").unlink()
    offer = load_plugins().classifier("forest")
    assert (offer.origin, offer.version) == ("unknown", "unknown")


def test_json_has_reason_remedy_and_traceback(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    site.install("cytobench-bad", "raise RuntimeError('no luck')\n")
    (problem,) = json.loads(listed(capfd, "--json"))["problems"]
    assert (problem["plugin"], problem["origin"], problem["version"]) == ("bad", "cytobench-bad", "1.2")
    assert "no luck" in problem["message"]
    assert problem["remedy"].startswith("Upgrade it")
    assert "cytobench_bad.py" in problem["traceback"]


def test_a_slow_import_is_shown_with_its_seconds(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    site.install("cytobench-slow", "import time\ntime.sleep(0.3)\n" + offering("slow"))
    site.install("cytobench-quick", offering("quick"))
    lines = listed(capfd, "--verbose").splitlines()
    (slow,) = [line for line in lines if line.startswith("  slow (cytobench-slow 1.2)  0.")]
    (quick,) = [line for line in lines if line.startswith("  quick (cytobench-quick 1.2)  0.")]
    assert ", slow: " in slow
    assert float(slow.split("  ")[2].split()[0]) >= 0.3
    assert "slow: " not in quick


FACTORY = "class Angry:\n    def __init__(self, config):\n        {body}\n"


@pytest.mark.parametrize(
    ("body", "failure"),
    [("raise ValueError('bad day')", "raised ValueError: bad day"), ("raise SystemExit(4)", "called sys.exit(4)")],
)
def test_a_factory_that_raises_fails_its_own_trials_and_check_shows_it(
    site: Site,
    small: Callable[..., RunResult],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    body: str,
    failure: str,
) -> None:
    heavy = {"bad_heavy": FACTORY.format(body=body)}
    site.install("cytobench-bad", returning(f"[{classifier('bad', factory='bad_heavy:Angry')}]"), modules=heavy)
    result = small(classifier=["bad", "random"], synthetic=[0], fold=[0])
    assert list(result.outcome.failed) == ["none__bad__s0__n0__fold0"]
    assert result.outcome.done == ["none__random__s0__n0__fold0"]
    reason = result.outcome.failed["none__bad__s0__n0__fold0"]
    assert f"plugin bad (cytobench-bad 1.2): making bad_heavy:Angry {failure}" in reason
    monkeypatch.setenv("CYTOBENCH_LOAD_PLUGINS", "cytobench-bad,controls")
    assert "Broken" not in listed(capfd)
    (line,) = listed(capfd, "--check").partition("\nBroken\n")[2].splitlines()
    assert line.startswith(f"  bad (cytobench-bad 1.2): making bad_heavy:Angry {failure}")


def test_a_configuration_that_breaks_is_named_with_its_distribution(
    site: Site, small: Callable[..., RunResult]
) -> None:
    heavy = {"bad_config": "raise SystemExit\n"}
    source = returning(f"[{classifier('bad', config='bad_config:Config')}]")
    site.install("cytobench-bad", source, modules=heavy)
    with pytest.raises(CytobenchError, match=r"plugin bad \(cytobench-bad 1.2\): bad_config:Config cannot be loaded"):
        small(classifier=["bad"], synthetic=[0])


def test_an_observer_that_raises_changes_nothing_and_is_named(
    site: Site, small: Callable[..., RunResult], caplog: pytest.LogCaptureFixture
) -> None:
    angry = "@hookimpl\ndef cytobench_trial_finished(record):\n    record.clear()\n    raise {}\n"
    site.install("cytobench-angry", HEAD + angry.format("RuntimeError('angry')"))
    site.install("cytobench-exit", HEAD + angry.format("SystemExit(5)"))
    calm = "import json\n@hookimpl\ndef cytobench_trial_finished(record):\n    print(record['trial'])\n"
    site.install("cytobench-zen", HEAD + calm)
    result = small(synthetic=[0], fold=[0])
    assert result.outcome.failed == {}
    angry_told, exit_told = sorted(result.outcome.observers)
    assert angry_told.startswith("angry (cytobench-angry 1.2): cytobench_trial_finished raised RuntimeError: angry. ")
    assert exit_told.startswith("exit (cytobench-exit 1.2): cytobench_trial_finished called sys.exit(5). ")
    assert "angry (cytobench-angry 1.2)" in caplog.text
