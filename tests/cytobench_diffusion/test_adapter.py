"""Adapters tuned elsewhere, in place of tuning: `--set sd21-lora.adapter=PATH`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from cytobench.assets import resolve_asset
from cytobench.context import Context
from cytobench.errors import CytobenchError
from cytobench_diffusion.adapter_place import ADAPTER_FILE
from cytobench_diffusion.config import DiffusionSampleConfig, LoraFitConfig
from cytobench_diffusion.generators import LoraGenerator
from cytobench_diffusion.pipeline import load_pipeline

from .tiny import SIDE, context, requests, shots, weights_of

QUICK = {"resolution": SIDE, "rank": 2, "train_steps": 3, "warmup_steps": 0, "lr": 1e-2, "train_batch_size": 4}
SAMPLING = DiffusionSampleConfig(steps=3, batch_size=2)


def generator(**changes: object) -> LoraGenerator:
    return LoraGenerator(LoraFitConfig.model_validate(QUICK | changes), SAMPLING)


def adapter_context(weights: Path, adapter: Path, out: Path) -> Context:
    """A context with the adapter among its assets."""
    ctx = context(weights, out)
    asset = resolve_asset(LoraFitConfig(adapter=str(adapter)).assets()["adapter"], "sd21-lora.adapter")
    return context(weights, out, assets={**ctx.assets, "adapter": asset})


def images(tuned: LoraGenerator, artefact: Path, ctx: Context) -> np.ndarray[Any, Any]:
    sampler = tuned.open({"A": artefact}, ctx)
    drawn = {request.index: image for request, image in sampler.sample(requests(2))}
    return np.stack([drawn[0], drawn[1]])


@pytest.fixture
def tuned(weights: Path, tmp_path: Path) -> Path:
    """The folder of an adapter that a run tuned."""
    generator().fit(shots(), context(weights, tmp_path / "tuned"))
    return tmp_path / "tuned"


@pytest.mark.parametrize("layout", ["file", "folder", "class"])
def test_an_adapter_draws_here_what_it_drew_elsewhere(weights: Path, tmp_path: Path, tuned: Path, layout: str) -> None:
    place = {"file": tuned / ADAPTER_FILE, "folder": tuned, "class": tmp_path / "many"}[layout]
    if layout == "class":
        shutil.copytree(tuned, place / "A")
    other = generator(adapter=str(place))
    ctx = adapter_context(weights, place, tmp_path / "out")
    other.fit(shots(), ctx)
    assert (ctx.out / ADAPTER_FILE).read_bytes() == (tuned / ADAPTER_FILE).read_bytes()
    expected = images(generator(), tuned, context(weights, tmp_path / "x"))
    assert np.array_equal(images(other, ctx.out, ctx), expected)
    assert "tuned elsewhere" in other.open({"A": ctx.out}, ctx).ran.architecture


def test_an_adapter_of_the_unet_alone_is_taken(weights: Path, tmp_path: Path, tuned: Path) -> None:
    tensors = load_file(tuned / ADAPTER_FILE)
    (tmp_path / "unet").mkdir()
    save_file({k: v for k, v in tensors.items() if k.startswith("unet.")}, tmp_path / "unet" / ADAPTER_FILE)
    ctx = adapter_context(weights, tmp_path / "unet", tmp_path / "out")
    generator(adapter=str(tmp_path / "unet")).fit(shots(), ctx)
    assert images(generator(), ctx.out, ctx).shape == (2, SIDE, SIDE, 3)


def test_the_pipeline_is_clean_after_it(weights: Path, tmp_path: Path, tuned: Path) -> None:
    before = weights_of(load_pipeline(context(weights, tmp_path / "a").assets["weights"], "cpu", "float32").pipe)
    generator(adapter=str(tuned)).fit(shots(), adapter_context(weights, tuned, tmp_path / "out"))
    after = weights_of(load_pipeline(context(weights, tmp_path / "b").assets["weights"], "cpu", "float32").pipe)
    assert before.keys() == after.keys()


def test_a_class_without_an_adapter_is_named(weights: Path, tmp_path: Path, tuned: Path) -> None:
    shutil.copytree(tuned, tmp_path / "many" / "B")
    with pytest.raises(CytobenchError, match=r"no A/pytorch_lora_weights\.safetensors"):
        generator(adapter="many").fit(shots(), adapter_context(weights, tmp_path / "many", tmp_path / "out"))


def test_an_adapter_of_another_base_model_is_refused(weights: Path, tmp_path: Path, tuned: Path) -> None:
    tensors = {name: tensor.repeat(1, 2) for name, tensor in load_file(tuned / ADAPTER_FILE).items()}
    (tmp_path / "wide").mkdir()
    save_file(tensors, tmp_path / "wide" / ADAPTER_FILE)
    with pytest.raises(CytobenchError, match="has other shapes"):
        generator(adapter="wide").fit(shots(), adapter_context(weights, tmp_path / "wide", tmp_path / "out"))


def test_without_an_adapter_nothing_is_made_elsewhere_and_no_key_changes() -> None:
    assert not LoraFitConfig().made_elsewhere() and LoraFitConfig(adapter="x").made_elsewhere()
    assert set(LoraFitConfig().assets()) == {"weights"}
    assert set(LoraFitConfig(adapter="x").assets()) == {"weights", "adapter"}
    assert "adapter" in LoraFitConfig.optional_assets
