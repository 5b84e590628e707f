"""Fetching and verifying from Python: where a plugin or the machine fails, and what a drawn data set needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cytobench.contract import CONTRACT, DatasetSpec
from cytobench.errors import CytobenchError, UserError
from cytobench.pipeline.fetch import fetch_assets, verify_assets
from cytobench.plugins import Offer, Plugins, load_plugins
from cytobench.storage.lockfile import read_lock

DRAWN = """
import numpy as np
from PIL import Image
from cytobench.data.folder import load_folder

def make(folder):
    for i in range(6):
        file = folder / "smear" / "AB"[i // 3] / f"{i}.png"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((9, 9, 3), i, np.uint8)).save(file)
    return load_folder(folder / "smear", folder.parent)

def fail(folder):
    raise ConnectionError("no such host")
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugins:
    """The installed ones, with the data sets ``smear``, which is drawn, and ``far``, which fails."""
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "smear_drawn.py").write_text(DRAWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "smear_drawn", raising=False)
    found = load_plugins()
    for name, function in (("smear", "make"), ("far", "fail")):
        factory = f"smear_drawn:{function}"
        spec = DatasetSpec(name, "", CONTRACT, 1, factory=factory, public=True, drawn=True)
        found.datasets.add(Offer(spec, "here", "1"))
    return found


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "b.toml"
    file.write_text(text)
    return file


def test_a_drawn_data_set_is_drawn_where_it_is_verified(tmp_path: Path, plugins: Plugins, monkeypatch) -> None:
    benchmark = write(tmp_path, 'dataset = "smear"\nclassifier = ["random"]\n')
    lock = fetch_assets(benchmark, plugins=plugins)
    assert lock == read_lock(tmp_path / "b.assets.json") and list(lock.items) == ["dataset"]
    assert (lock.items["dataset"].source, lock.items["dataset"].files) == ("smear", 6)
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "elsewhere"))
    (check,) = verify_assets(benchmark, plugins=plugins)
    assert (check.status, check.found, check.reason) == ("ok", lock.items["dataset"].digest, "")
    drawn = tmp_path / "elsewhere" / "datasets" / "here" / "smear" / "A" / "0.png"
    Image.fromarray(np.full((9, 9, 3), 200, np.uint8)).save(drawn)
    (check,) = verify_assets(benchmark, plugins=plugins)
    assert check.status == "differs" and check.found != check.expected == lock.items["dataset"].digest


def test_a_plugin_that_fails_is_no_mistake_of_the_user_and_hides_none(tmp_path: Path, plugins: Plugins) -> None:
    benchmark = write(
        tmp_path, 'dataset = "far"\nclassifier = ["clip"]\n[set.clip]\nmodel = "custom"\nweights = "./nowhere"\n'
    )
    with pytest.raises(CytobenchError) as failed:
        fetch_assets(benchmark, plugins=plugins)
    assert not isinstance(failed.value, UserError)
    assert "data set far (here 1): smear_drawn:fail raised ConnectionError: no such host" in str(failed.value)
    assert "clip.weights: ./nowhere is no file or folder here" in str(failed.value)
    assert not (tmp_path / "b.assets.json").exists()


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that can be opened and not read")
def test_weights_that_cannot_be_read_are_named(tmp_path: Path, plugins: Plugins) -> None:
    benchmark = write(
        tmp_path,
        'dataset = "smear"\nclassifier = ["clip"]\n[set.clip]\nmodel = "ViT-B-32"\nweights = "/proc/self/mem"\n',
    )
    with pytest.raises(UserError, match=r"1 of 2 things cannot be had[^\n]*\n  clip.weights: cannot be read: "):
        fetch_assets(benchmark, plugins=plugins)


def test_mistakes_of_the_benchmark_are_named_before_anything_is_looked_for(tmp_path: Path, plugins: Plugins) -> None:
    for text, said in (
        ('dataset = "far"\nclassifier = ["clop"]\n', "Did you mean clip?"),
        ('dataset = "far"\npreset = "pockt"\n', "Did you mean pocket?"),
        ('dataset = "far"\n[set.sd21]\nsteps = 3\n', "sd21 is not part of this run"),
        ('dataset = "far"\ngenerator = ["oracle"]\n', "works on phantom alone"),
    ):
        with pytest.raises(UserError) as refused:
            fetch_assets(write(tmp_path, text), plugins=plugins)
        assert said in str(refused.value)
