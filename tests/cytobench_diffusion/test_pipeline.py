from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from pydantic import ValidationError
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel

from cytobench.assets import AssetReference, resolve_asset
from cytobench.errors import CytobenchError
from cytobench_diffusion import single_file
from cytobench_diffusion.adapter import attach_adapter
from cytobench_diffusion.adapter_place import ADAPTER_FILE
from cytobench_diffusion.config import (
    BaselineConfig,
    DiffusionSampleConfig,
    LoraFitConfig,
)
from cytobench_diffusion.files import SETTING_FILES, WEIGHT_FILES
from cytobench_diffusion.generators import BaselineGenerator, LoraGenerator
from cytobench_diffusion.pipeline import load_pipeline
from cytobench_diffusion.single_file import SD21_BASE, clip_tokenizer

from .original_layout import save_original
from .tiny import SIDE, context, requests, shots, tiny_pipeline


def test_listing_the_plugin_imports_no_library() -> None:
    code = (
        "import sys, cytobench_diffusion as p; p.cytobench_generators();"
        "print([m for m in ('torch', 'diffusers', 'peft', 'transformers', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [m for m in ("torch", "diffusers", "peft", "transformers") if m in done.stdout] == []


def test_no_key_is_in_both_configurations() -> None:
    assert not LoraFitConfig.model_fields.keys() & DiffusionSampleConfig.model_fields.keys()


@pytest.mark.parametrize("config", [BaselineConfig, LoraFitConfig, DiffusionSampleConfig])
def test_presets_are_valid(config: type[BaselineConfig | LoraFitConfig | DiffusionSampleConfig]) -> None:
    for values in config.presets.values():
        config.model_validate(values)


@pytest.mark.parametrize("values", [{"rank": 0}, {"resolution": 100}, {"unet_targets": ()}, {"typo": 1}])
def test_impossible_values_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LoraFitConfig.model_validate(values)


@pytest.mark.parametrize("part", ["unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model"])
def test_one_changed_byte_of_any_weights_changes_the_digest(weights: Path, tmp_path: Path, part: str) -> None:
    copied = tmp_path / "copy"
    shutil.copytree(weights, copied)
    (copied / "README.md").write_text("a mirror")
    before, mirror = (
        resolve_asset(BaselineConfig(weights=str(folder)).assets()["weights"], "sd21.weights").digest
        for folder in (weights, copied)
    )
    file = copied / f"{part}.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    changed = resolve_asset(BaselineConfig(weights=str(copied)).assets()["weights"], "sd21.weights").digest
    assert mirror == before != changed


def test_hub_patterns_take_each_weight_once() -> None:
    from huggingface_hub.utils import filter_repo_objects

    wanted = {
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "tokenizer/vocab.json",
        "tokenizer/merges.txt",
        "scheduler/scheduler_config.json",
    }
    copies = {
        "v2-1_512-ema-pruned.safetensors",
        "v2-1_512-ema-pruned.ckpt",
        "unet/diffusion_pytorch_model.bin",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.fp16.safetensors",
        "text_encoder/model.fp16.safetensors",
        "text_encoder/pytorch_model.bin",
    }
    patterns = [*WEIGHT_FILES, *SETTING_FILES]
    assert set(filter_repo_objects(wanted | copies, allow_patterns=patterns)) == wanted


def test_pipeline_is_loaded_once_and_again_for_other_weights(weights: Path, v_weights: Path) -> None:
    asset, other = (
        resolve_asset(AssetReference(str(folder), patterns=WEIGHT_FILES), "sd21.weights")
        for folder in (weights, v_weights)
    )
    first = load_pipeline(asset, "cpu", "float32")
    assert load_pipeline(asset, "cpu", "float32") is first
    assert load_pipeline(asset, "cpu", "float16") is first  # half precision is float32 on a CPU
    second = load_pipeline(other, "cpu", "float32")
    assert second.pipe.scheduler.config.prediction_type == "v_prediction"
    assert load_pipeline(asset, "cpu", "bfloat16").pipe.unet.dtype == torch.bfloat16


def test_folder_that_is_no_pipeline_is_named(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"x")
    ctx = context(tmp_path, tmp_path / "out")
    with pytest.raises(CytobenchError, match=rf"{tmp_path} cannot be loaded as a Stable Diffusion pipeline"):
        load_pipeline(ctx.assets["weights"], "cpu", "float32")


@pytest.fixture
def single(tmp_path: Path) -> Path:
    """The tiny pipeline as one file in the original layout, beside its configuration."""
    pipe = tiny_pipeline()
    pipe.save_pretrained(tmp_path / "repository")
    for weights_file in (tmp_path / "repository").glob("*/*.safetensors"):
        weights_file.unlink()
    file = tmp_path / "repository" / "tiny.safetensors"
    save_original(pipe, file)
    return file


def test_a_single_file_is_tuned_as_the_folder_is(weights: Path, single: Path, tmp_path: Path) -> None:
    config = LoraFitConfig(resolution=SIDE, rank=2, train_steps=2, warmup_steps=0, lr=1e-2)
    results = []
    for source in (weights, single):
        tuned = LoraGenerator(config, DiffusionSampleConfig(steps=3))
        out = tmp_path / source.stem
        tuned.fit(shots(), context(source, out))
        sampler = tuned.open({"A": out}, context(source, tmp_path / "out"))
        images = np.stack([image for _, image in sampler.sample(requests(2))])
        sampler.close()
        results.append((load_file(out / ADAPTER_FILE), images))
    (of_folder, drawn), (of_file, again) = results  # peft notes in the file where the weights lay
    assert of_folder.keys() == of_file.keys()
    assert all(torch.equal(tensor, of_file[name]) for name, tensor in of_folder.items())
    assert np.array_equal(drawn, again)


def test_single_file_beside_its_configuration_draws_the_same_images(
    weights: Path, single: Path, tmp_path: Path
) -> None:
    images = []
    for source in (weights, single):
        ctx = context(source, tmp_path / "out")
        config = DiffusionSampleConfig(steps=3)
        sampler = BaselineGenerator(BaselineConfig(resolution=SIDE), config).open({}, ctx)
        images.append(np.stack([image for _, image in sampler.sample(requests(2))]))
    assert np.array_equal(*images)


def test_single_file_of_unknown_shape_says_what_is_missing(tmp_path: Path) -> None:
    single = tmp_path / "tiny.safetensors"
    save_original(tiny_pipeline(), single)
    reference = BaselineConfig(weights=str(single), prediction_type="epsilon").assets()["weights"]
    with pytest.raises(CytobenchError, match=r"no model_index\.json lies beside it"):
        load_pipeline(resolve_asset(reference, "sd21.weights"), "cpu", "float32", "epsilon")


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny pipeline as one file alone, for which the package's own configuration is made as tiny."""
    pipe = tiny_pipeline()
    pipe.save_pretrained(tmp_path / "built-in")
    monkeypatch.setattr(single_file, "SD21_BASE", tmp_path / "built-in")
    monkeypatch.setattr(single_file, "clip_tokenizer", lambda: pipe.tokenizer)
    monkeypatch.setattr(single_file, "_require_sd2", lambda path: None)
    (tmp_path / "bare").mkdir()
    save_original(pipe, tmp_path / "bare" / "tiny.safetensors")
    return tmp_path / "bare" / "tiny.safetensors"


def test_a_bare_file_does_not_say_what_it_predicts_and_is_asked(bare: Path, single: Path, tmp_path: Path) -> None:
    for config in (BaselineConfig, LoraFitConfig):
        with pytest.raises(ValidationError, match=r"does not say.*prediction_type=epsilon.*=v_prediction"):
            config(weights=str(bare))
        assert config(weights=str(bare), prediction_type="epsilon").prediction_type == "epsilon"
        assert config(weights=str(single)).prediction_type is None
        for told in (str(single), str(single.parent), "lab/net"):
            with pytest.raises(ValidationError, match="leave the option out"):
                config(weights=told, prediction_type="epsilon")
    assert "prediction_type" in LoraFitConfig.added, "so that no key of a folder changes"


def test_what_a_bare_file_predicts_decides_its_images_and_is_on_record(bare: Path, tmp_path: Path) -> None:
    images, names = [], []
    for kind in ("epsilon", "v_prediction", "epsilon"):
        config = BaselineConfig(weights=str(bare), prediction_type=kind, resolution=SIDE)
        asset = resolve_asset(config.assets()["weights"], "sd21.weights")
        ctx = replace(context(tmp_path / "built-in", tmp_path / "out"), assets={"weights": asset})
        sampler = BaselineGenerator(config, DiffusionSampleConfig(steps=3)).open({}, ctx)
        images.append(np.stack([image for _, image in sampler.sample(requests(2))]))
        names.append(sampler.ran.architecture)
    assert names[0].endswith(" M, epsilon") and names[1].endswith(" M, v_prediction")
    assert np.array_equal(images[0], images[2]) and not np.array_equal(images[0], images[1])


def test_clip_tokenizer_agrees_with_open_clip() -> None:
    import open_clip

    prompt = "Photorealistic promyelocyte (3/5 lobes), it's a Wright-Giemsa stain at 40x, caf\u00e9."
    tokens = clip_tokenizer()(prompt, padding="max_length", max_length=77, truncation=True).input_ids
    expected = open_clip.tokenize(prompt)[0].tolist()
    assert len(tokens) == 77
    assert tokens == expected  # both pad with 0, which is "!" in this vocabulary


def test_sizes_of_stable_diffusion_21() -> None:
    def count(model: torch.nn.Module) -> int:
        return sum(parameter.numel() for parameter in model.parameters())

    def trained(model: torch.nn.Module) -> tuple[int, int]:
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        return sum(parameter.numel() for parameter in parameters), len(parameters)

    configurations = {part: json.loads((SD21_BASE / part / "config.json").read_text()) for part in ("unet", "vae")}
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(configurations["unet"])
        vae = AutoencoderKL.from_config(configurations["vae"])
        text = CLIPTextModel(CLIPTextConfig.from_pretrained(SD21_BASE / "text_encoder"))
        assert (count(unet), count(text), count(vae)) == (865_910_724, 340_387_840, 83_653_863)
        attach_adapter(SimpleNamespace(unet=unet, text_encoder=text), LoraFitConfig())
    assert trained(unet) == (3_319_808, 256)
    assert trained(text) == (3_014_656, 184)
