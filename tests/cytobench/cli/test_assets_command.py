"""`cytobench assets`: what one machine fetched is what another one has, or the difference is named; offline."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from huggingface_hub import constants
from PIL import Image

import cytobench_phantom
from cytobench.cli import main

from ..hub import COMMIT, Hub

POCKET = Path(cytobench_phantom.__file__).parent / "weights"
UNET = "unet/diffusion_pytorch_model.safetensors"
SCHEDULER = "scheduler/scheduler_config.json"
TOML = """
dataset = "cells"
preset = "pocket"
generator = ["sd21-lora", "folder", "repeat"]
classifier = ["clip", "random"]
synthetic = [0, 2]
shots = [2]
folds = 3

[set.sd21-lora]
weights = "weights/sd"

[set.folder]
path = "made"

[set.clip]
weights = "lab/clip"
"""
ITEMS = ["sd21-lora.weights", "folder.path", "clip.weights", "dataset"]


class Ended(NamedTuple):
    code: object
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """No network, and all that was asked of it."""
    asked: list[object] = []

    def refuse(*arguments: object, **_: object) -> None:
        asked.append(arguments)
        raise OSError("this test has no network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return asked


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: list[object]) -> Path:
    """Where commands run: data, images made elsewhere, local weights, and ``lab/clip`` in the Hub cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    # The Hub's client has read its environment by now. It is not told to be offline.
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for i in range(36):
        image(tmp_path / "cells" / "ABC"[i // 12] / f"{i % 12:02d}.png", i)
    for i in range(6):
        image(tmp_path / "made" / "ABC"[i // 2] / f"{i % 2}.png", 100 + i)
    shutil.copytree(POCKET / "sd", tmp_path / "weights" / "sd")
    cached(tmp_path / "hub", "lab/clip", POCKET / "clip")
    (tmp_path / "b.toml").write_text(TOML)
    return tmp_path


def image(file: Path, seed: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)).save(file)


def cached(cache: Path, name: str, folder: Path) -> None:
    """Lay out a model as the Hub's client does: ``models--OWNER--NAME`` with refs, blobs, and links to them."""
    model = cache / f"models--{name.replace('/', '--')}"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(COMMIT)
    for file in folder.iterdir():
        blob = model / "blobs" / sha256(file.read_bytes()).hexdigest()
        link = model / "snapshots" / COMMIT / file.name
        blob.parent.mkdir(exist_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, blob)
        link.symlink_to(os.path.relpath(blob, link.parent))


@pytest.fixture
def command(place: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main(["assets", *arguments])
        return Ended(ended.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def fetched(command: Command, network: list[object]) -> Command:
    """The command, after a fetch that went well."""
    ended = command("fetch", "b.toml")
    assert ended.code == 0, ended.err
    network.clear()
    return command


def statuses(ended: Ended) -> dict[str, str]:
    """The status of each item by name; a line is that of one item."""
    return {line.split()[1]: line.split()[0] for line in ended.out.splitlines()}


def wrong(ended: Ended, name: str, status: str) -> str:
    """Check that this item alone is wrong, and return its line."""
    assert ended.code == 1, ended
    assert statuses(ended) == {item: status if item == name else "ok" for item in ITEMS}
    assert "1 of 4 differ or are missing" in ended.err and "Traceback" not in ended.err
    return next(line for line in ended.out.splitlines() if line.startswith(status))


def flip(file: Path) -> None:
    """Change one bit, and restore the date."""
    stat = file.stat()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_fetch_shows_and_locks_all_that_is_needed(command: Command, place: Path) -> None:
    ended = command("fetch", "b.toml")
    assert ended.code == 0 and "4 things are here; digests in b.assets.json" in ended.err
    lock = json.loads((place / "b.assets.json").read_text())
    assert lock["version"] == 2 and list(lock["items"]) == ITEMS
    sd, made, clip, data = (lock["items"][name] for name in ITEMS)
    unet = sha256((POCKET / "sd" / UNET).read_bytes()).hexdigest()
    scheduler = json.loads((POCKET / "sd" / SCHEDULER).read_text())
    del scheduler["_diffusers_version"]
    said = sha256(json.dumps(scheduler, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    assert (sd["source"], sd["counted"][UNET], sd["configuration"][SCHEDULER]) == ("weights/sd", unet, said)
    assert (made["source"], made["files"], len(made["counted"]), made["configuration"]) == ("made", 6, 6, {})
    assert clip["path"] == str(place / "hub" / "models--lab--clip" / "snapshots" / COMMIT)
    assert clip["size"] == sum(file.stat().st_size for file in (POCKET / "clip").iterdir())
    sizes = [file.stat().st_size for file in (place / "cells").rglob("*.png")]
    assert (data["source"], data["path"], data["files"]) == ("cells", str(place / "cells"), 36)
    assert data["size"] == sum(sizes)
    for name, item in lock["items"].items():
        (row,) = [line for line in ended.out.splitlines() if line.startswith(f"{name} ")]
        assert item["source"] in row and item["path"] in row and row.endswith(f"  {item['digest'][:12]}")


def test_digests_are_those_of_a_run(fetched: Command, place: Path) -> None:
    from cytobench.config.benchmark import read_benchmark
    from cytobench.config.resolve import resolve
    from cytobench.plugins import load_plugins

    values = {"device": "cpu", "trained_on": "external"}
    resolved = resolve(read_benchmark(place / "b.toml").model_copy(update=values), load_plugins())
    ready = (*resolved.generators, *resolved.classifiers)
    run = {f"{one.offer.spec.name}.{name}": asset.digest for one in ready for name, asset in one.needs.assets.items()}
    lock = json.loads((place / "b.assets.json").read_text())
    assert {name: item["digest"] for name, item in lock["items"].items()} == {**run, "dataset": resolved.dataset.digest}


def test_json_is_the_lock_and_nothing_else(command: Command, place: Path) -> None:
    ended = command("fetch", "b.toml", "--lock", "locks/mine.json", "--json")
    assert ended.code == 0 and ended.out == (place / "locks" / "mine.json").read_text()
    assert not (place / "b.assets.json").exists()
    checked = command("verify", "b.toml", "--lock", "locks/mine.json", "--json")
    found = json.loads(checked.out)
    assert (checked.code, checked.err, found["ok"]) == (0, "", True)
    lock = json.loads(ended.out)
    assert {one["name"]: (one["status"], one["found"]) for one in found["items"]} == {
        name: ("ok", item["digest"]) for name, item in lock["items"].items()
    }
    flip(place / "weights" / "sd" / UNET)
    checked = command("verify", "b.toml", "--lock", "locks/mine.json", "--json")
    found = json.loads(checked.out)
    assert (checked.code, found["ok"]) == (1, False)
    assert {one["name"]: one["status"] for one in found["items"]}["sd21-lora.weights"] == "differs"


def test_a_verify_asks_nothing_of_the_network(fetched: Command, network: list[object], place: Path) -> None:
    ended = fetched("verify", "b.toml")
    assert (ended.code, statuses(ended)) == (0, dict.fromkeys(ITEMS, "ok"))
    shutil.rmtree(place / "hub")
    assert "the Hub cache" in wrong(fetched("verify", "b.toml"), "clip.weights", "missing")
    assert network == []
    fetched("fetch", "b.toml")
    assert network, "a fetch asks the Hub, so this test would have seen it"


def test_all_that_is_missing_is_named_in_one_go(command: Command, place: Path) -> None:
    for gone in ("cells", "made", "hub", "weights"):
        shutil.rmtree(place / gone)
    ended = command("fetch", "b.toml")
    assert (ended.code, ended.out) == (2, "")
    assert "b.toml: 4 of 4 things cannot be had; no lock is written" in ended.err and "Traceback" not in ended.err
    for name in ITEMS:
        assert sum(line.startswith(f"  {name}: ") for line in ended.err.splitlines()) == 1
    assert "--set clip.weights=PATH" in ended.err and "HF_HOME" in ended.err
    assert not (place / "b.assets.json").exists()


def test_a_lock_is_kept_where_a_later_fetch_fails(fetched: Command, place: Path) -> None:
    before = (place / "b.assets.json").read_bytes()
    (place / "cells" / "B" / "03.png").write_bytes(b"no image")
    ended = fetched("fetch", "b.toml")
    assert ended.code == 2 and "1 of 4 things" in ended.err and "B/03.png" in ended.err
    assert (place / "b.assets.json").read_bytes() == before


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("weights/sd/unet/diffusion_pytorch_model.safetensors", "sd21-lora.weights"),
        (f"hub/models--lab--clip/snapshots/{COMMIT}/open_clip_model.safetensors", "clip.weights"),
        ("made/B/1.png", "folder.path"),
    ],
)
def test_one_flipped_bit_is_found(fetched: Command, place: Path, file: str, name: str) -> None:
    expected = json.loads((place / "b.assets.json").read_text())["items"][name]["digest"]
    flip(place / file)
    line = wrong(fetched("verify", "b.toml"), name, "differs")
    assert f"expected {expected[:12]}" in line and f"found {expected[:12]}" not in line


@pytest.mark.parametrize("file", [UNET, SCHEDULER])
def test_the_files_that_changed_or_are_gone_are_named(fetched: Command, place: Path, file: str) -> None:
    flip(place / "weights" / "sd" / file)
    line = wrong(fetched("verify", "b.toml"), "sd21-lora.weights", "differs")
    assert line.endswith(f"weights/sd; other content: {file}")
    (place / "weights" / "sd" / file).unlink()
    line = wrong(fetched("verify", "b.toml"), "sd21-lora.weights", "missing")
    assert line.endswith(f"weights/sd lacks {file}")


def test_weights_that_are_all_gone_are_missing(fetched: Command, place: Path) -> None:
    shutil.rmtree(place / "weights" / "sd" / "unet")
    for file in (place / "weights" / "sd").rglob("*.safetensors"):
        file.unlink()
    assert "holds no file matching unet/" in wrong(fetched("verify", "b.toml"), "sd21-lora.weights", "missing")
    shutil.rmtree(place / "weights")
    assert "weights/sd cannot be had" in wrong(fetched("verify", "b.toml"), "sd21-lora.weights", "missing")


def test_a_changed_pixel_is_found_though_the_cache_remembers_another(fetched: Command, place: Path) -> None:
    file = place / "cells" / "A" / "05.png"
    with Image.open(file) as opened:
        pixels = np.array(opened)
    bmp = place / "cells" / "A" / "99.bmp"
    Image.fromarray(pixels).save(bmp)
    assert fetched("fetch", "b.toml").code == 0
    remember(place / "cache", "A/99.bmp", bmp)
    before = bmp.stat()
    pixels[3, 4, 1] ^= 1
    Image.fromarray(pixels).save(bmp)
    os.utime(bmp, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (bmp.stat().st_size, bmp.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    remember(place / "cache", "A/99.bmp", bmp)
    assert fetched("fetch", "b.toml", "--lock", "trusting.json").code == 0
    assert dataset_of(place / "trusting.json") == dataset_of(place / "b.assets.json"), "the cache was not believed"
    line = wrong(fetched("verify", "b.toml"), "dataset", "differs")
    assert "found " in line and f"expected {dataset_of(place / 'b.assets.json')[:12]}" in line
    assert fetched("fetch", "b.toml").code == 0
    assert dataset_of(place / "trusting.json") != dataset_of(place / "b.assets.json")


def remember(cache: Path, path: str, file: Path) -> None:
    """Let the digest cache take the file for settled and unchanged, whatever is in it by now.

    So it is where a file system keeps no time of change of metadata, which nothing else can restore.
    """
    from cytobench.data.quality.optics import REVISION
    from cytobench.decode import REVISION as decode_revision
    from cytobench.decode import decode_image, pixel_digest

    (index,) = (cache / "pixels").glob("*.parquet")
    table = pd.read_parquet(index).set_index("path")
    known = table["digest"].get(path) or pixel_digest(decode_image(file))
    stat = file.stat()
    row = {
        **{"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "ctime_ns": stat.st_ctime_ns},
        **{"digest": known, "width": 16, "height": 16, "mode": "RGB"},
        **{"sharpness": 0.1, "cell_sharpness": 0.1, "white": 0.0, "black": 0.0, "optics_revision": REVISION},
        "decode_revision": decode_revision,
    }
    table = pd.concat([table.drop(index=path, errors="ignore"), pd.DataFrame([row], index=[path])])
    table.rename_axis("path").reset_index().to_parquet(index, index=False)


def dataset_of(lock: Path) -> str:
    digest: str = json.loads(lock.read_text())["items"]["dataset"]["digest"]
    return digest


def test_a_removed_image_is_counted(fetched: Command, place: Path) -> None:
    (place / "cells" / "C" / "11.png").unlink()
    assert "35 files, in the lock 36" in wrong(fetched("verify", "b.toml"), "dataset", "differs")


def test_a_damaged_image_is_named(fetched: Command, place: Path) -> None:
    (place / "cells" / "C" / "11.png").write_bytes(b"no image")
    assert "C/11.png: no image of a known kind" in wrong(fetched("verify", "b.toml"), "dataset", "missing")


def test_other_folders_on_another_machine_are_no_difference(
    fetched: Command, place: Path, monkeypatch: pytest.MonkeyPatch, network: list[object]
) -> None:
    shutil.copytree(place, place / "there", symlinks=True, ignore=shutil.ignore_patterns("cache", "there"))
    (place / "there" / "hub").rename(place / "there" / "elsewhere")
    for gone in ("cells", "made", "hub", "weights", "cache"):
        shutil.rmtree(place / gone)
    monkeypatch.chdir(place / "there")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(place / "there" / "elsewhere"))
    ended = fetched("verify", "b.toml")
    assert (ended.code, statuses(ended)) == (0, dict.fromkeys(ITEMS, "ok"))
    assert network == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('classifier = ["clip", "random"]', 'classifier = ["resnet50"]', "only b.assets.json holds clip.weights"),
        ('generator = ["sd21-lora",', 'generator = ["sd21", "sd21-lora",', "only b.toml names sd21.weights"),
    ],
)
def test_a_benchmark_that_names_other_things_asks_for_another_fetch(
    fetched: Command, place: Path, old: str, new: str, said: str
) -> None:
    text = (place / "b.toml").read_text()
    assert old in text
    text = text.replace(old, new)
    (place / "b.toml").write_text(text if "clip" in new or "sd21" in new else text[: text.index("[set.clip]")])
    ended = fetched("verify", "b.toml")
    assert (ended.code, ended.out) == (2, "") and said in ended.err and "Run fetch again" in ended.err
    assert fetched("fetch", "b.toml").code == 0
    assert fetched("verify", "b.toml").code == 0


def test_options_that_need_nothing_more_are_no_difference_and_another_cut_is(fetched: Command, place: Path) -> None:
    (place / "b.toml").write_text("seed = 7\nfold = [1]\n" + TOML)
    assert fetched("verify", "b.toml").code == 0
    (place / "b.toml").write_text("limit = 5\n" + TOML)
    assert "15 files, in the lock 36" in wrong(fetched("verify", "b.toml"), "dataset", "differs")


def test_a_folder_of_many_images_has_its_joint_digest_alone(command: Command, place: Path) -> None:
    for i in range(101):
        image(place / "made" / "A" / f"{i}.png", i)
    assert command("fetch", "b.toml").code == 0
    item = json.loads((place / "b.assets.json").read_text())["items"]["folder.path"]
    assert (item["files"], item["counted"]) == (105, {})
    assert command("verify", "b.toml").code == 0
    (place / "made" / "A" / "50.png").unlink()
    assert "104 files, in the lock 105" in wrong(command("verify", "b.toml"), "folder.path", "differs")


def test_another_source_of_the_same_weights_is_no_difference(fetched: Command, place: Path) -> None:
    (place / "b.toml").write_text(TOML.replace("lab/clip", "package:cytobench_phantom/weights/clip"))
    assert fetched("verify", "b.toml").code == 0
    (place / "b.toml").write_text(TOML.replace("lab/clip", "other"))
    shutil.copytree(POCKET / "clip", place / "other")
    flip(place / "other" / "open_clip_model.safetensors")
    assert "source other, in the lock lab/clip" in wrong(fetched("verify", "b.toml"), "clip.weights", "differs")


def test_weights_are_fetched_from_the_hub_and_verified_without_it(place: Path, hub: Hub, tmp_path: Path) -> None:
    hub.models["far/clip"] = {file.name: file.read_bytes() for file in (POCKET / "clip").iterdir()}
    hub.models["far/clip"]["pytorch_model.bin"] = b"pickle"
    (place / "far.toml").write_text(
        'dataset = "cells"\npreset = "pocket"\nclassifier = ["clip"]\n[set.clip]\nweights = "far/clip"\n'
    )

    def process(*arguments: str) -> Any:
        code = "from cytobench.cli import main; main()"
        environment = hub.environment(tmp_path / "home")
        line = [sys.executable, "-c", code, "assets", *arguments]
        return subprocess.run(line, env=environment, cwd=place, capture_output=True, text=True, timeout=60)

    done = process("fetch", "far.toml", "--json")
    assert done.returncode == 0, done.stderr
    item = json.loads(done.stdout)["items"]["clip.weights"]
    assert item["files"] == 4 and Path(item["path"]).is_relative_to(tmp_path / "home") and hub.asked
    assert not any("pytorch_model.bin" in path for path in hub.asked)
    hub.asked.clear()
    done = process("verify", "far.toml")
    assert (done.returncode, done.stderr) == (0, "") and hub.asked == []
    (Path(item["path"]) / "tokenizer.json").unlink()
    done = process("verify", "far.toml")
    assert done.returncode == 1 and "missing  clip.weights" in done.stdout and "tokenizer.json" in done.stdout
    assert hub.asked == []
