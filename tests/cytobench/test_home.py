"""A user without a home folder, as in a container that runs as a number: all works, without the cache."""

from __future__ import annotations

import logging
import pwd
from pathlib import Path

import pytest

from cytobench._home import expanded, home_folder
from cytobench.api import fidelity, leaderboard, run
from cytobench.assets import AssetReference, resolve_asset
from cytobench.errors import UserError
from cytobench.exchange.submitted.shots import export_shots
from cytobench.pipeline.generate import generate_images
from cytobench.storage import cache
from cytobench.storage.cache import cache_folder

from .noise import noise


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No HOME, no entry in passwd, no variable that names a cache."""

    def nobody(*_: object) -> None:
        raise KeyError("no entry")

    for variable in ("HOME", "CYTOBENCH_CACHE", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "USER", "LOGNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr(pwd, "getpwnam", nobody)
    cache._temporary.cache_clear()


def test_the_cache_is_a_temporary_folder_and_that_is_said_once(
    homeless: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert home_folder() is None
    with caplog.at_level(logging.WARNING, "cytobench"):
        folders = {cache_folder() for _ in range(3)}
    (folder,) = folders
    assert folder.is_dir() and folder.stat().st_mode & 0o777 == 0o700
    (said,) = caplog.messages
    assert "no home folder" in said and "CYTOBENCH_CACHE" in said


def test_a_named_cache_needs_no_home(homeless: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "cytobench"
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def test_what_uses_the_cache_works_without_one(homeless: None, tmp_path: Path) -> None:
    for i in range(18):
        noise(tmp_path / "cells" / "AB"[i % 2] / f"{i:02}.png", i)
    cells = str(tmp_path / "cells")
    values = {"preset": "pocket", "device": "cpu", "folds": 3, "fold": [0]}
    result = run(dataset=cells, classifier="random", out=tmp_path / "out", **values)
    assert not result.outcome.failed
    assert leaderboard(tmp_path / "out").leaderboard.sections
    assert fidelity(cells, cells, preset="pocket", device="cpu")["real"]
    generate_images("repeat", cells, "A", 2, 2, tmp_path / "made", preset="pocket")
    assert len(export_shots(2, tmp_path / "shots", dataset=cells, preset="pocket", folds=3)) == 12


def test_a_path_below_no_home_is_a_users_mistake(homeless: None) -> None:
    for path in ("~/cells", "~nobody-here/cells"):
        with pytest.raises(UserError, match=r"there is no such home folder. Write the path in full"):
            expanded(path)
        with pytest.raises(UserError, match="no such home folder"):
            run(dataset=path, classifier="random", device="cpu")


def test_weights_of_the_hub_are_not_looked_for_in_a_folder_called_tilde(
    homeless: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"you have no home folder .* HF_HOME"):
        resolve_asset(AssetReference("lab/net"), "clip.weights")
    assert not list(tmp_path.iterdir())
