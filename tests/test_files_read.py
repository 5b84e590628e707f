"""All that a loader reads counts for the digest of its weights, and what it does not read does not.

The loaders are watched as they open files. A new version of a library that reads another file fails here.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models import save_for_hf

import cytobench_phantom
from cytobench.assets import Asset, AssetReference, resolve_asset, take_inventory
from cytobench_diffusion.config import BaselineConfig
from cytobench_diffusion.pipeline import load_pipeline, release
from cytobench_inception.config import InceptionConfig
from cytobench_openclip.config import ClipConfig, ClipFeaturesConfig
from cytobench_openclip.model import load_clip
from cytobench_timm.config import Dinov2Config, Lite0Config, TimmConfig
from cytobench_timm.weights import read_starting_weights
from cytobench_torch.weights import read_weights

from .cytobench_diffusion.original_layout import save_original
from .cytobench_diffusion.tiny import tiny_pipeline
from .opened import Opened

POCKET = Path(cytobench_phantom.__file__).parent / "weights"
UNREAD = (
    "README.md", "config.yaml", "flax_model.msgpack", "model.onnx", "pytorch_model.bin", "preprocessor_config.json",
    "safety_checker/config.json", "feature_extractor/preprocessor_config.json", "unet/extra.json",
    "unet/diffusion_pytorch_model.fp16.safetensors", "text_encoder/model.fp16.safetensors",
    "text_encoder/generation_config.json", "vae/diffusion_pytorch_model.bin", "scheduler/old_config.json",
    "open_clip_other.safetensors", "model.fp16.safetensors", ".gitattributes",
)  # fmt: skip
"""What repositories hold besides; as files that would not load."""


@dataclass
class Case:
    """Weights in a folder, how they are asked for, and what loads them."""

    reference: AssetReference
    load: Callable[[Asset], Any]


def pipeline(path: Path) -> Case:
    release()
    reference = BaselineConfig(weights=str(path)).assets()["weights"]
    return Case(reference, lambda asset: load_pipeline(asset, "cpu", "float32"))


def diffusion(folder: Path) -> Case:
    shutil.copytree(POCKET / "sd", folder)
    for name in ("special_tokens_map.json", "added_tokens.json"):
        (folder / "tokenizer" / name).write_text("{}")
    return pipeline(folder)


def diffusion_with_a_vocabulary(folder: Path) -> Case:
    shutil.copytree(POCKET / "sd", folder)
    split_tokenizer(folder / "tokenizer")
    return pipeline(folder)


def diffusion_with_both_tokenizers(folder: Path) -> Case:
    shutil.copytree(POCKET / "sd", folder)
    whole = (folder / "tokenizer" / "tokenizer.json").read_bytes()
    split_tokenizer(folder / "tokenizer")
    (folder / "tokenizer" / "tokenizer.json").write_bytes(whole)
    return pipeline(folder)


def diffusion_in_parts(folder: Path) -> Case:
    pipe = tiny_pipeline()
    pipe.save_pretrained(folder)
    for part in ("unet", "vae", "text_encoder"):
        for file in (folder / part).glob("*.safetensors"):
            file.unlink()
        getattr(pipe, part).save_pretrained(folder / part, max_shard_size="20KB")
    assert len(list(folder.rglob("*.index.json"))) == 3
    return pipeline(folder)


def diffusion_whole_and_in_parts(folder: Path) -> Case:
    pipe = tiny_pipeline()
    for part in ("unet", "vae", "text_encoder"):
        getattr(pipe, part).save_pretrained(folder / "parts" / part, max_shard_size="20KB")
    pipe.save_pretrained(folder / "whole")
    shutil.copytree(folder / "whole", folder / "both")
    shutil.copytree(folder / "parts", folder / "both", dirs_exist_ok=True)
    shutil.copytree(folder / "whole", folder / "both", dirs_exist_ok=True)
    return pipeline(folder / "both")


def one_file_beside_its_configuration(folder: Path) -> Case:
    pipe = tiny_pipeline()
    pipe.save_pretrained(folder)
    save_original(pipe, folder / "tiny.safetensors")
    return pipeline(folder / "tiny.safetensors")


def clip(path: Path) -> Case:
    reference = ClipConfig(weights=str(path), model="custom").assets()["weights"]
    assert ClipFeaturesConfig(weights=str(path), model="custom").assets()["weights"] == reference
    return Case(reference, lambda asset: load_clip("custom", asset).tokenizer(["a cell"]))


def clip_with_a_tokenizer(folder: Path) -> Case:
    shutil.copytree(POCKET / "clip", folder)
    for name in ("special_tokens_map.json", "added_tokens.json", "config.json"):
        (folder / name).write_text("{}")
    return clip(folder)


def clip_with_a_vocabulary(folder: Path) -> Case:
    shutil.copytree(POCKET / "clip", folder)
    split_tokenizer(folder)
    return clip(folder)


def clip_with_the_tokenizer_of_open_clip(folder: Path) -> Case:
    """The tokenizer beside these weights is another one, and nobody reads it; nor a second file of weights."""
    small_clip(folder)
    shutil.copyfile(folder / "open_clip_model.safetensors", folder / "open_clip_pytorch_model.safetensors")
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "config.json"):
        (folder / name).write_text("{}")
    return clip(folder)


def one_file_of_clip(folder: Path) -> Case:
    """What lies beside a single file is not read."""
    model = small_clip(folder)
    reference = ClipConfig(weights=str(folder / "open_clip_model.safetensors"), model="ViT-B-32").assets()["weights"]

    def load(asset: Asset) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(open_clip, "get_model_config", lambda _: {**model})
            load_clip("ViT-B-32", asset)

    return Case(reference, load)


def network_of_timm(folder: Path) -> Case:
    save_for_hf(timm.create_model("test_resnet", num_classes=3), folder, safe_serialization=True)
    (folder / "tokenizer.json").write_text("{}")
    reference = TimmConfig(model="test_resnet", weights=str(folder)).assets()["weights"]
    return Case(reference, lambda asset: read_starting_weights(asset, "test_resnet"))


def one_file_of_timm(folder: Path) -> Case:
    network_of_timm(folder)
    reference = TimmConfig(model="test_resnet", weights=str(folder / "model.safetensors")).assets()["weights"]
    return Case(reference, lambda asset: read_starting_weights(asset, "test_resnet"))


def tensors_alone(reference: Callable[[str], AssetReference]) -> Callable[[Path], Case]:
    def make(folder: Path) -> Case:
        folder.mkdir()
        save_file({"a": torch.zeros(2)}, folder / "model.safetensors")
        (folder / "config.json").write_text("{}")
        return Case(reference(str(folder)), lambda asset: read_weights(asset, "p"))

    return make


def small_clip(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    model: dict[str, Any] = {
        "embed_dim": 8,
        "vision_cfg": {"image_size": 32, "patch_size": 16, "layers": 1, "width": 16, "head_width": 8},
        "text_cfg": {"context_length": 8, "vocab_size": 49408, "layers": 1, "width": 8, "heads": 1},
    }
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model}))
    save_file(open_clip.CLIP(**model).state_dict(), folder / "open_clip_model.safetensors")
    return model


def split_tokenizer(folder: Path) -> None:
    """A tokenizer in the older layout of two files."""
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *(" ".join(merge) for merge in model["merges"])]))


MAKERS: dict[str, Callable[[Path], Case]] = {
    maker.__name__: maker
    for maker in (
        diffusion,
        diffusion_with_a_vocabulary,
        diffusion_with_both_tokenizers,
        diffusion_in_parts,
        diffusion_whole_and_in_parts,
        one_file_beside_its_configuration,
        clip_with_a_tokenizer,
        clip_with_a_vocabulary,
        clip_with_the_tokenizer_of_open_clip,
        one_file_of_clip,
        network_of_timm,
        one_file_of_timm,
    )
} | {
    "dinov2": tensors_alone(lambda path: Dinov2Config(weights=path).assets()["weights"]),
    "inception": tensors_alone(lambda path: InceptionConfig(weights=path).assets()["weights"]),
    "lite0": tensors_alone(lambda path: Lite0Config(weights=path).assets()["weights"]),
}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which files are opened")
@pytest.mark.parametrize("name", MAKERS)
def test_what_is_read_counts_and_nothing_else(name: str, tmp_path: Path) -> None:
    case = MAKERS[name](tmp_path / "weights")
    path = Path(case.reference.source)
    folder = path.parent if path.is_file() else path
    if name not in ("dinov2", "inception", "lite0"):  # these take the one file of tensors that a folder holds
        for unread in UNREAD:
            (folder / unread).parent.mkdir(exist_ok=True)
            (folder / unread).write_text("{}")
    inventory = take_inventory(case.reference, "p.weights", fetch=False)
    watch = Opened(folder)
    case.load(inventory.asset)
    assert watch.files() == {*inventory.counted, *inventory.configuration}
    for unread in UNREAD:
        (folder / unread).unlink(missing_ok=True)
    assert resolve_asset(case.reference, "p.weights") == inventory.asset
    for counted in (*inventory.counted, *inventory.configuration):
        before = (folder / counted).read_bytes()
        (folder / counted).write_bytes(before + b"0")
        assert resolve_asset(case.reference, "p.weights").digest != inventory.asset.digest, counted
        (folder / counted).write_bytes(before)
