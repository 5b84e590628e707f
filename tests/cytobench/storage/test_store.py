"""The store keeps finished stages whole, and believes nothing it cannot check."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cytobench.storage.store import Entry, Store

KEY = "ab" + "0" * 62


def keep(root: Path, text: str = "weights", key: str = KEY) -> Entry:
    store = Store(root)
    with store.making("fit", key) as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "model.txt").write_text(text)
        (folder / "empty.txt").touch()
        return store.keep("fit", key, folder, {"shots": ["x"]}, {"seconds": 1.5})


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_what_is_kept_is_found_by_another_process_with_its_report(tmp_path: Path) -> None:
    entry = keep(tmp_path)
    found = Store(tmp_path).find("fit", KEY)
    assert found == entry
    assert found.report == {"seconds": 1.5}
    assert (found.folder / "inner" / "model.txt").read_text() == "weights"
    assert Store(tmp_path).find("train", KEY) is None
    assert Store(tmp_path).find("fit", "cd" + "0" * 62) is None


def test_no_temporary_folder_is_left(tmp_path: Path) -> None:
    keep(tmp_path)
    assert files(tmp_path) == [
        f"fit/ab/{KEY}/{name}" for name in ("empty.txt", "inner/model.txt", "stage.json")
    ]


def test_others_may_read_what_is_kept(tmp_path: Path) -> None:
    assert keep(tmp_path).folder.stat().st_mode & 0o555 == 0o555


@pytest.mark.parametrize("damage", ["changed", "cut", "gone", "manifest", "no manifest", "no object"])
def test_what_is_damaged_is_not_found_and_can_be_made_again(tmp_path: Path, damage: str, caplog) -> None:
    folder = keep(tmp_path).folder
    model = folder / "inner" / "model.txt"
    if damage == "changed":
        model.write_text("weightZ")  # of the same length
    elif damage == "cut":
        model.write_text("weig")
    elif damage == "gone":
        model.unlink()
    elif damage == "manifest":
        (folder / "stage.json").write_text('{"files": {')
    elif damage == "no object":
        (folder / "stage.json").write_text("[]")
    else:
        (folder / "stage.json").unlink()
    assert Store(tmp_path).find("fit", KEY) is None
    assert "damaged" in caplog.text
    keep(tmp_path, "made again")
    again = Store(tmp_path).find("fit", KEY)
    assert again is not None
    assert (again.folder / "inner" / "model.txt").read_text() == "made again"


def test_a_stage_that_raises_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(RuntimeError), store.making("fit", KEY) as folder:
        (folder / "half.txt").write_text("half")
        raise RuntimeError
    assert store.find("fit", KEY) is None
    assert files(tmp_path) == []


def test_a_process_killed_while_it_fills_a_stage_leaves_nothing_to_find(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom cytobench.storage.store import Store\n"
        f"with Store(Path(sys.argv[1])).making('fit', '{KEY}') as folder:\n"
        "    (folder / 'half.txt').write_text('half')\n    print('filling', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as maker:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "filling\n"
        os.kill(maker.pid, signal.SIGKILL)
    assert Store(tmp_path).find("fit", KEY) is None
    keep(tmp_path)
    assert Store(tmp_path).find("fit", KEY) is not None
