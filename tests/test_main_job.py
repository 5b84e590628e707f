"""The main job with its real parts, the pocket pipeline and the pocket CLIP, each run in a fresh process."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from cytobench.storage.records import read_record, read_records
from cytobench_phantom.dataset import draw

COMMAND = [
    *(sys.executable, "-c", "from cytobench.cli import main; main()", "run", "--preset", "pocket", "--device", "cpu"),
    *("--generator", "sd21-lora", "--classifier", "clip", "--dataset", "cells", "--folds", "3", "--fold", "0"),
    *("--synthetic", "0", "--synthetic", "4", "--shots", "2", "--set", "sd21-lora.train_steps=2"),
    *("--set", "sd21-lora.batch_size=2", "--set", "sd21-lora.steps=2", "--set", "clip.epochs=2"),
]
LABELS = ("Basophil", "Eosinophil", "Monocyte")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with six phantom cells of three classes, in which commands run; no network, a cache of its own."""
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for label in LABELS:
        for index in range(6):
            file = tmp_path / "cells" / label / f"{index}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw(label, index, 1, 64)).save(file)
    return tmp_path


def run(folder: Path, out: str) -> None:
    done = subprocess.run([*COMMAND, "--out", out], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "sd21-lora" in done.stdout


def killed_while_sampling(folder: Path, out: str) -> None:
    """Start the command and kill it outright when the first block of images is there."""
    process = subprocess.Popen(
        [*COMMAND, "--out", out], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 300
    while not list((folder / out).glob("store/images/*/*/*.json")):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def made(out: Path) -> dict[str, str]:
    """Digests of all images, adapters and checkpoints in the store, by their place in it."""
    files = [*out.glob("store/images/**/*.parquet"), *out.glob("store/**/*.safetensors")]
    return {file.relative_to(out).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_two_fresh_stores_hold_the_same_bytes_also_after_a_kill(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One store is filled in the command's process, the other by workers of a process each."""
    run(folder, "one")
    monkeypatch.delenv("CYTOBENCH_IN_PROCESS")
    killed_while_sampling(folder, "two")
    assert not list((folder / "two" / "records").glob("sd21-lora*"))
    run(folder, "two")
    first, second = made(folder / "one"), made(folder / "two")
    assert first == second
    assert sum(name.endswith("parquet") for name in first) == 2 * len(LABELS)
    assert sum("pytorch_lora_weights" in name for name in first) == len(LABELS)
    scores = [{record.trial: record.scores for record in read_records([folder / out])} for out in ("one", "two")]
    assert scores[0] == scores[1] and len(scores[0]) == 2
    for file in (folder / "one" / "records").glob("*.json"):
        record = read_record(file)
        assert record.preset == "pocket" and record.classifier.ran is not None
        tables = [pd.read_parquet(folder / out / "predictions" / f"{record.trial}.parquet") for out in ("one", "two")]
        pd.testing.assert_frame_equal(*tables)
