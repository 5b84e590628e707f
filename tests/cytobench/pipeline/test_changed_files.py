"""What is read is what was planned: a file that changes meanwhile fails what reads it, by name, and nothing is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cytobench import images
from cytobench.api import RunResult, fidelity
from cytobench.assets import AssetReference, resolve_asset
from cytobench.config.benchmark import make_benchmark
from cytobench.config.resolve import open_named, resolve
from cytobench.data.export import export
from cytobench.decode import decode_image
from cytobench.errors import ChangedFile
from cytobench.exchange.submitted.shots import export_shots
from cytobench.pipeline.generate import generate_images
from cytobench.pipeline.graph import plan_trial
from cytobench.pipeline.plan import make_planner
from cytobench.pipeline.progress import QuietDisplay
from cytobench.pipeline.work import run_stage
from cytobench.plugins import load_plugins
from cytobench.storage.records import read_record

from ..noise import noise

Run = Callable[..., RunResult]


def exchange(cells: Path) -> None:
    """Swap the pictures of A and B."""
    for one, other in zip(sorted((cells / "A").iterdir()), sorted((cells / "B").iterdir()), strict=True):
        first, second = one.read_bytes(), other.read_bytes()
        one.write_bytes(second)
        other.write_bytes(first)


def kept(store: Path) -> dict[str, str]:
    return {
        str(file.relative_to(store)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in store.rglob("*.p*") if file.suffix in (".png", ".parquet", ".pt")
    }  # fmt: skip


def outcomes(out: Path) -> dict[str, object]:
    return {path.stem: (record.status, record.key, record.scores)
            for path in sorted(out.glob("records/*.json")) if (record := read_record(path))}  # fmt: skip


def test_pictures_exchanged_while_a_run_works(small: Run, cells: Path, tmp_path: Path) -> None:
    small(out=tmp_path / "clean")

    class Exchanging(QuietDisplay):
        def started(self, text: str) -> None:
            if ": fit repeat A" in text and "fold 0" in text:
                exchange(cells)

    result = small(display=Exchanging())
    assert len(result.outcome.failed) == 3 and len(result.outcome.done) == 3  # random looks at no image for N = 0
    reason = result.outcome.failed["repeat__random__s2__n3__fold0"]
    assert reason.startswith(f"ChangedFile: {cells}/A/") and "another picture than the one planned with" in reason
    error = read_record(tmp_path / "out" / "records" / "repeat__random__s2__n3__fold0.json").error
    assert error is not None and (error.type, error.message) == ("ChangedFile", reason.removeprefix("ChangedFile: "))
    assert kept(tmp_path / "out" / "store").items() <= kept(tmp_path / "clean" / "store").items()
    exchange(cells)
    assert not small().outcome.failed
    assert kept(tmp_path / "out" / "store") == kept(tmp_path / "clean" / "store")
    assert outcomes(tmp_path / "out") == outcomes(tmp_path / "clean")


def test_every_real_image_that_a_stage_is_given_is_held_against_its_digest(cells: Path, tmp_path: Path) -> None:
    for i in range(6):
        noise(tmp_path / "outside" / "ABC"[i // 2] / f"{i}.png", 100 + i)
    values = {
        "dataset": str(cells), "external_test": str(tmp_path / "outside"), "preset": "pocket", "generator": ["repeat"],
        "classifier": ["clip"], "extractor": ["lite0"], "synthetic": [3], "shots": [2], "folds": 3, "device": "cpu",
        "train_only": ["C"],
    }  # fmt: skip
    for protocol in ("strict", "cytodiff"):
        resolved = resolve(make_benchmark({**values, "protocol": protocol}, "options"), load_plugins())
        planner = make_planner(resolved, tmp_path / "store")
        prediction = plan_trial(planner, resolved.trials[0], resolved.extractors)
        sample = prediction.training.sample
        assert sample is not None
        (measured,) = prediction.fidelities
        train, predict, near = prediction.training.build(), prediction.build(), measured.build()
        given = [sample.fits[0].build().shots, train.train, train.val, *predict.splits.values(), near.real.images]
        given += [part.images for part in (near.tuning.shots, near.tuning.held_out)]  # type: ignore[union-attr]
        real = [one.take(np.flatnonzero(~one.table["synthetic"].to_numpy()).tolist()) for one in given]
        before = [[one[i] for i in range(len(one))] for one in real]
        assert all(before)
        for file in (*cells.rglob("*.png"), *(tmp_path / "outside").rglob("*.png")):
            Image.fromarray(255 - np.asarray(Image.open(file))).save(file)
        for one in real:
            for i in range(len(one)):
                with pytest.raises(ChangedFile, match=r"\.png is another picture"):
                    one[i]


def test_nothing_shows_or_hands_out_a_picture_that_changed(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files decoded for their digests are the old ones; all that is decoded later is new."""
    plugins = load_plugins()
    dataset = open_named(str(cells), plugins)

    def changed(source: Path | bytes) -> NDArray[np.uint8]:
        return 255 - decode_image(source)

    monkeypatch.setattr(images, "decode_image", changed)
    out = tmp_path / "out"
    attempts: list[Callable[[], object]] = [
        lambda: export(dataset, out),
        lambda: export_shots(2, out, dataset=str(cells), preset="pocket", folds=3, fold=[0]),
        lambda: generate_images("repeat", str(cells), "A", 2, 2, out, preset="pocket", store=tmp_path / "store"),
        lambda: fidelity(cells / "A", cells / "B", preset="pocket", device="cpu"),
    ]
    for attempt in attempts:
        with pytest.raises(ChangedFile, match=rf"^{cells}/A/\d+\.png is another picture"):
            attempt()
        assert not out.exists() or not any(out.iterdir())
    assert not list((tmp_path / "store").rglob("*.png"))


def test_a_picture_that_was_read_before_its_digest_was_known_is_not_trusted(cells: Path) -> None:
    """Exchanged while the plan was being made: the plan has the digest of the first, the file is the second."""
    dataset = open_named(str(cells), load_plugins())
    exchange(cells)
    with pytest.raises(ChangedFile):
        dataset.pixels(0).read()
    exchange(cells)
    assert dataset.pixels(0).read().shape == (16, 16, 3)


def test_a_file_that_a_plugin_was_given_must_stay_as_it_is(tmp_path: Path) -> None:
    for name in ("a.safetensors", "b.safetensors"):
        (tmp_path / name).write_bytes(name.encode())
    asset = resolve_asset(AssetReference(str(tmp_path)), "p.weights")
    asset.refuse_changes()
    assert asset.read("b.safetensors") == b"b.safetensors"
    (tmp_path / "b.safetensors").write_bytes(b"b.safetensors")  # written again: other times, the same bytes
    asset.refuse_changes()
    (tmp_path / "b.safetensors").write_bytes(b"B.safetensors")
    for look in (asset.refuse_changes, lambda: asset.read("b.safetensors")):
        with pytest.raises(ChangedFile, match=r"b\.safetensors is not what the work was planned with"):
            look()
    (tmp_path / "b.safetensors").unlink()
    for look in (asset.refuse_changes, lambda: asset.read("b.safetensors")):
        with pytest.raises(ChangedFile, match=r"b\.safetensors"):
            look()


def test_an_image_that_a_store_keeps_is_held_against_its_digest(small: Run, cells: Path, tmp_path: Path) -> None:
    small(fold=[0], synthetic=[3])
    shards = sorted((tmp_path / "out" / "store" / "images").rglob("*.parquet"))
    from cytobench.storage.image_sets import ShardPixels

    for shard in shards[:1]:
        whole = ShardPixels(shard, 0).read()
        content = shard.read_bytes()
        digest = images.pixel_digest(whole).encode()
        assert content.count(digest) >= 1
        shard.write_bytes(content.replace(digest, b"0" * 64))
        with pytest.raises(ChangedFile, match="is damaged"):
            ShardPixels(shard, 0).read()


def test_an_artefact_damaged_after_the_plan_is_not_sampled_from(small: Run, cells: Path, tmp_path: Path) -> None:
    small(fold=[0], synthetic=[3])
    values = {"dataset": str(cells), "preset": "pocket", "generator": ["repeat"], "classifier": ["random"],
              "synthetic": [40], "shots": [2], "folds": 3, "fold": [0], "device": "cpu"}  # fmt: skip
    resolved = resolve(make_benchmark(values, "options"), load_plugins())
    sample = plan_trial(make_planner(resolved, tmp_path / "out" / "store"), resolved.trials[0]).training.sample
    assert sample is not None and all(fit.state == "present" for fit in sample.fits)
    for file in (tmp_path / "out" / "store" / "fit").rglob("0000.png"):
        noise(file, 999)
    with pytest.raises(Exception, match=r"is gone from .*, or damaged"):
        run_stage(sample.build())
