"""A third-party plugin's edited code is other work: its files are part of every key that names it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cytobench.api import RunResult, plan, run
from cytobench.errors import UserError
from cytobench.pipeline.progress import QuietDisplay
from cytobench.plugins import Plugins, code, load_plugins
from cytobench.plugins.code import LARGE, code_digest, code_packages
from cytobench.storage.records import read_record

from ..distributions import Site, classifier, returning

GUESSES = """
import numpy as np
from cytobench.contract import Checkpoints, PluginConfig, Ran

class Config(PluginConfig):
    pass

class Constant:
    ran = Ran("none", "constant", None)

    def __init__(self, config):
        pass

    def fit(self, train, val, ctx):
        file = ctx.out / "model.txt"
        file.write_text("0")
        return Checkpoints(picked=file, last=file)

    def open(self, checkpoint, ctx):
        return self

    def predict_proba(self, images):
        values = np.full((len(images), len(images.labels)), 0.1 / (len(images.labels) - 1), np.float32)
        values[:, FIRST] = 0.9
        return values

    def close(self):
        pass
"""


def digest(site: Site, *names: str) -> str:
    return code_digest(code_packages(names, "cytobench"))


@pytest.fixture
def package(site: Site) -> Path:
    """A package with a module, a folder within, and data."""
    folder = site.path / "lab_cells"
    (folder / "inner").mkdir(parents=True)
    for name in ("__init__.py", "net.py", "inner/__init__.py", "inner/loss.py", "settings.json"):
        (folder / name).write_text(f"# {name}\n")
    return folder


def test_every_file_of_a_package_counts_and_what_is_made_of_them_does_not(site: Site, package: Path) -> None:
    before = digest(site, "lab_cells.net:Net")
    assert before == digest(site, "lab_cells", "lab_cells.inner.loss:Loss")
    for name in ("net.py", "inner/loss.py", "settings.json", "__init__.py"):
        text = (package / name).read_text()
        (package / name).write_text(text + "# changed\n")
        assert digest(site, "lab_cells.net:Net") != before, name
        (package / name).write_text(text)
    os.utime(package / "net.py", (0, 0))
    for name in ("__pycache__/net.cpython-311.pyc", ".git/HEAD", ".net.py.swp", "old.pyc"):
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text("no code")
    (site.path / "neighbour.py").write_text("another's")
    assert digest(site, "lab_cells.net:Net") == before
    (package / "more.py").write_text("")
    added = digest(site, "lab_cells.net:Net")
    (package / "more.py").rename(package / "other.py")
    assert len({before, added, digest(site, "lab_cells.net:Net")}) == 3


def test_a_lone_module_counts_alone(site: Site, package: Path) -> None:
    (site.path / "my_plugin.py").write_text("A = 1\n")
    before = digest(site, "my_plugin:A")
    (site.path / "another.py").write_text("B = 1\n")
    assert digest(site, "my_plugin:A") == before
    (site.path / "my_plugin.py").write_text("A = 2\n")
    assert digest(site, "my_plugin:A") != before


def test_a_namespace_is_nobodys(site: Site) -> None:
    for part in ("cells", "tissue"):
        (site.path / "lab" / part).mkdir(parents=True)
        (site.path / "lab" / part / "__init__.py").write_text(part)
    assert code_packages(["lab.cells.net:Net", "lab.cells"], "cytobench") == ("lab.cells",)
    before = digest(site, "lab.cells")
    (site.path / "lab" / "tissue" / "__init__.py").write_text("changed")
    assert digest(site, "lab.cells") == before
    (site.path / "lab" / "cells" / "__init__.py").write_text("changed")
    assert digest(site, "lab.cells") != before


def test_code_of_cytobench_counts_by_revision(site: Site, package: Path) -> None:
    """A plugin that wraps a built-in class has files of its own alone."""
    assert code_packages(["lab_cells", "cytobench_controls.random:Random", "cytobench.contract:PluginConfig"],
                         "cytobench") == ("lab_cells",)  # fmt: skip


def test_links_are_followed_and_rings_end(site: Site, package: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "far.py").write_text("A = 1\n")
    (package / "linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (package / "ring").symlink_to(package, target_is_directory=True)
    (package / "gone.py").symlink_to(tmp_path / "nowhere")
    os.mkfifo(package / "pipe.py")
    before = digest(site, "lab_cells")
    (tmp_path / "elsewhere" / "far.py").write_text("A = 2\n")
    assert digest(site, "lab_cells") != before


def test_large_data_count_by_their_size_and_too_many_files_are_refused(
    site: Site, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "weights.bin").write_bytes(b"0" * LARGE)
    (package / "large.py").write_bytes(b"#" * LARGE)
    before = digest(site, "lab_cells")
    (package / "weights.bin").write_bytes(b"1" * LARGE)
    assert digest(site, "lab_cells") == before
    (package / "weights.bin").write_bytes(b"1" * (LARGE + 1))
    longer = digest(site, "lab_cells")
    assert longer != before
    (package / "large.py").write_bytes(b"# " * (LARGE // 2))
    assert digest(site, "lab_cells") != longer
    (package / "data").mkdir()
    for i in range(40):
        (package / "data" / f"{i}").touch()
    monkeypatch.setattr(code, "MOST", 40)
    with pytest.raises(UserError, match=r"lab_cells .* holds more than 40 files"):
        digest(site, "lab_cells")


@pytest.fixture
def constant(site: Site) -> Callable[[int], Plugins]:
    """The plugin ``constant`` in a package of its own, whose class predicts the class of this number."""
    source = returning(f"[{classifier('constant', factory='lab_net.net:Constant', config='lab_net.net:Config')}]")
    site.install("cytobench-constant", source)

    def install(first: int) -> Plugins:
        folder = site.path / "lab_net"
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").write_text("")
        (folder / "net.py").write_text(GUESSES.replace("FIRST", str(first)))
        return load_plugins(site.points())

    return install


def values(cells: Path, tmp_path: Path, **more: Any) -> dict[str, Any]:
    return {"dataset": str(cells), "preset": "pocket", "classifier": ["constant"], "folds": 3, "fold": [0],
            "device": "cpu", "out": tmp_path / "out", "synthetic": [0], **more}  # fmt: skip


def test_edited_code_is_done_anew_and_the_plan_says_why(
    constant: Callable[[int], Plugins], cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CYTOBENCH_IN_PROCESS")

    def done(plugins: Plugins) -> RunResult:
        return run(plugins=plugins, **values(cells, tmp_path))

    first = done(constant(0))
    assert first.outcome.done == ["none__constant__s0__n0__fold0"] and not first.outcome.failed
    file = tmp_path / "out" / "records" / "none__constant__s0__n0__fold0.json"
    before = read_record(file)
    assert before.classifier.code is not None and len(before.classifier.code) == 64
    edited = constant(1)
    (train,) = [item for item in plan(plugins=edited, **values(cells, tmp_path)).items if item.kind == "train"]
    assert train.reasons == {"differs from the nearest there is: code": 1}
    second = done(edited)
    assert second.outcome.done == first.outcome.done
    after = read_record(file)
    assert after.key != before.key and after.classifier.code != before.classifier.code
    same = plan(plugins=constant(1), **values(cells, tmp_path))
    assert not any(item.todo for item in same.items)


def test_code_edited_while_a_run_works_fails_what_it_made(
    constant: Callable[[int], Plugins], cells: Path, tmp_path: Path
) -> None:
    class Editing(QuietDisplay):
        def started(self, text: str) -> None:
            if ": train" in text:
                constant(2)

    plugins = constant(0)
    result = run(plugins=plugins, display=Editing(), **values(cells, tmp_path))
    (reason,) = result.outcome.failed.values()
    assert reason.startswith("ChangedFile: the code of constant (cytobench-constant 1.2) was changed")
    assert not list((tmp_path / "out" / "store" / "train").glob("??/*"))


def test_a_process_that_has_older_code_does_no_work_for_newer(
    constant: Callable[[int], Plugins], cells: Path, tmp_path: Path
) -> None:
    """As in a notebook, where a plugin is edited after it was imported."""
    assert not run(plugins=constant(0), **values(cells, tmp_path)).outcome.failed
    result = run(plugins=constant(1), **values(cells, tmp_path))
    (reason,) = result.outcome.failed.values()
    assert "Start Python anew" in reason
