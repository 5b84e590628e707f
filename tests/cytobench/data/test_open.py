"""Opening by name or path, and exporting."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from cytobench.contract import CONTRACT, DatasetSpec
from cytobench.data.dataset import Dataset
from cytobench.data.export import export
from cytobench.data.folder import load_folder
from cytobench.data.manifest import load_manifest
from cytobench.data.open import open_dataset
from cytobench.decode import decode_image
from cytobench.errors import CytobenchError, UserError
from cytobench.plugins import Offer
from cytobench.storage.cache import cache_folder


def spec(factory: str, name: str = "smear") -> DatasetSpec:
    return DatasetSpec(name=name, summary="", contract=CONTRACT, revision=1, factory=factory, public=True)


def offer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> dict[str, Offer[DatasetSpec]]:
    """An installed data set whose factory has this body."""
    (tmp_path / "smear_plugin.py").write_text(f"def make(folder):\n    {body}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "smear_plugin", raising=False)
    return {"smear": Offer(spec("smear_plugin:make"), "cytobench", "1")}


def test_an_installed_data_set_comes_before_a_folder_of_its_name(
    cells: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = (
        "from pathlib import Path; from cytobench.data.folder import load_folder; "
        f"return load_folder(Path({str(cells)!r}), folder)"
    )
    specs = offer(monkeypatch, tmp_path, body)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smear").mkdir()
    dataset = open_dataset("smear", specs, cache)
    assert isinstance(dataset, Dataset)
    assert (dataset.name, dataset.public, len(dataset)) == ("smear", True, 5)
    assert (cache / "datasets").is_dir()
    with pytest.raises(UserError, match="one folder a class"):
        open_dataset("./smear", specs, cache)


def test_anew_the_images_of_an_installed_data_set_are_decoded_again(
    cells: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = (
        "from dataclasses import replace; from pathlib import Path; from cytobench.data.folder import load_folder; "
        f"dataset = load_folder(Path({str(cells)!r}), folder.parent); "
        "return replace(dataset, table=dataset.table.assign(digest='0' * 64))"
    )
    specs = offer(monkeypatch, tmp_path, body)
    assert set(open_dataset("smear", specs, cache).table["digest"]) == {"0" * 64}
    anew = open_dataset("smear", specs, cache, anew=True)
    assert anew.digest == load_folder(cells, tmp_path / "other cache").digest
    assert (anew.name, anew.public) == ("smear", True)


@pytest.mark.parametrize(
    ("body", "message"), [("return 3", "returned int"), ("raise KeyError('x')", "raised KeyError")]
)
def test_a_broken_plugin_is_named(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, message: str
) -> None:
    specs = offer(monkeypatch, tmp_path, body)
    with pytest.raises(CytobenchError, match=message) as caught:
        open_dataset("smear", specs, cache)
    assert "smear_plugin:make" in str(caught.value) and caught.value.exit_code == 1


def test_folder_and_manifest_open_by_path(cells: Path, cache: Path) -> None:
    (cells / "some.csv").write_text("path,label\nEOS/a.png,EOS\n")
    assert len(open_dataset(str(cells), {}, cache)) == 5
    assert len(open_dataset(str(cells / "some.csv"), {}, cache)) == 1
    with pytest.raises(UserError, match="is no data set"):
        open_dataset(str(cells / "EOS" / "a.png"), {}, cache)


def test_near_names_are_offered(cells: Path, cache: Path) -> None:
    with pytest.raises(UserError, match=r"Did you mean smear\?"):
        open_dataset("smeer", {"smear": Offer(spec("x:y"), "cytobench", "1")}, cache)
    with pytest.raises(UserError, match=r"Did you mean .*cells\?"):
        open_dataset(str(cells.parent / "cellz"), {}, cache)


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CYTOBENCH_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / "home" / ".cache" / "cytobench"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "cytobench"
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def test_an_export_loads_as_the_same_data_set(cells: Path, cache: Path, tmp_path: Path) -> None:
    dataset = load_folder(cells, cache)
    assert export(dataset, tmp_path / "out") == 5
    assert load_folder(tmp_path / "out", cache).digest == dataset.digest


def test_an_export_keeps_groups_and_tells_equal_names_apart(cells: Path, cache: Path, tmp_path: Path) -> None:
    (cells / "BAS" / "x.png").rename(cells / "BAS" / "A.png")
    (cells / "some.csv").write_text("path,label,group\nEOS/a.png,cell,p1\nBAS/A.png,cell,p2\n")
    dataset = load_manifest(cells / "some.csv", cache)
    export(dataset, tmp_path / "out")
    again = load_manifest(tmp_path / "out" / "manifest.csv", cache)
    assert dict(zip(again.table["digest"], again.table["group"], strict=True)) == dict(
        zip(dataset.table["digest"], dataset.table["group"], strict=True)
    )
    names = pd.Series([path.name for path in (tmp_path / "out" / "cell").iterdir()])
    assert len(names) == 2 and names.str.casefold().is_unique


def test_an_export_refuses_what_is_there_and_takes_back_half_a_job(
    cells: Path, cache: Path, tmp_path: Path
) -> None:
    dataset = load_folder(cells, cache)
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep me")
    with pytest.raises(UserError, match="not empty"):
        export(dataset, out)
    (out / "mine.txt").unlink()
    picture = (cells / "EOS" / "c.png").read_bytes()
    (cells / "EOS" / "c.png").unlink()
    with pytest.raises(UserError, match=r"c\.png"):
        export(dataset, out)
    assert list(out.iterdir()) == []
    (cells / "EOS" / "c.png").write_bytes(picture)
    export(dataset, out)
    assert decode_image(out / "BAS" / "x.png").shape == (9, 8, 3)
