"""Starting from weights: the backbone is that of the file, the classification layer is new, misfits are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from timm.models import save_for_hf

from cytobench.assets import resolve_asset
from cytobench.context import Context
from cytobench.errors import UserError
from cytobench.images import Images
from cytobench_timm.classifier import TimmClassifier
from cytobench_timm.config import TimmConfig
from cytobench_torch.checkpoint import read_description

MakeContext = Callable[..., Context]
HEADS = {"test_resnet": "fc.", "test_vit": "head."}
# No step is taken to speak of, so that what is saved is what was loaded.
STILL = {"epochs": 1, "batch_size": 8, "lr": 1e-30, "weight_decay": 0, "min_lr": 0, "warmup_epochs": 0}


def make(model: str, classes: int, **options: Any) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return timm.create_model(model, num_classes=classes, **options)


def saved(folder: Path, model: str, classes: int = 7, **options: Any) -> Path:
    """A network with random values, as one file."""
    file = folder / f"{model}.safetensors"
    save_file({name: value.contiguous() for name, value in make(model, classes, **options).state_dict().items()}, file)
    return file


def fitted(images: Images, ctx: Context, weights: Path, model: str, **changes: Any) -> tuple[TimmClassifier, Any]:
    config = TimmConfig(model=model, weights=str(weights), **{**STILL, "resolution": 32, **changes})
    ctx.assets = {name: resolve_asset(reference, f"timm.{name}") for name, reference in config.assets().items()}
    classifier = TimmClassifier(config)
    return classifier, classifier.fit(images, images, ctx)


@pytest.mark.parametrize("classes", [7, 2])
@pytest.mark.parametrize("model", ["test_resnet", "test_vit"])
def test_the_backbone_is_loaded_and_the_head_is_new(
    images: Images, context: MakeContext, tmp_path: Path, model: str, classes: int
) -> None:
    options = {"img_size": 32} if model == "test_vit" else {}
    file, ctx = saved(tmp_path, model, classes, **options), context()
    classifier, checkpoints = fitted(images, ctx, file, model)
    before, after = load_file(file), load_file(checkpoints.last)
    moving = ("running_mean", "running_var", "num_batches_tracked")  # statistics of batches, not learnt by steps
    same = {name for name in after if name in before and torch.equal(before[name], after[name])}
    others = {name for name in after if name not in same and not name.endswith(moving)}
    head = {f"{HEADS[model]}weight", f"{HEADS[model]}bias"}
    assert f"{HEADS[model]}weight" in others and others <= head and len(same) > 10
    assert after[f"{HEADS[model]}weight"].shape[0] == 2
    predictor = classifier.open(checkpoints.last, ctx)
    known = f"from {file}@{ctx.assets['weights'].digest[:12]}"
    assert predictor.ran.weights == f"{known}, normalised as timm does for {model}", "the file alone does not say"
    assert predictor.predict_proba(images).shape == (8, 2)


def test_position_embeddings_are_fitted_to_the_size(images: Images, context: MakeContext, tmp_path: Path) -> None:
    file = saved(tmp_path, "test_vit", img_size=160)
    _, checkpoints = fitted(images, context(), file, "test_vit", resolution=64)
    assert load_file(file)["pos_embed"].shape[1] > load_file(checkpoints.last)["pos_embed"].shape[1]


def test_a_folder_brings_its_normalisation(images: Images, context: MakeContext, tmp_path: Path) -> None:
    folder = tmp_path / "net"
    data = {"mean": (0.1, 0.2, 0.3), "std": (0.9, 0.8, 0.7)}
    save_for_hf(make("test_resnet", 5), folder, safe_serialization=True, data_config=data)
    ctx = context()
    classifier, checkpoints = fitted(images, ctx, folder, "test_resnet")
    about = read_description(checkpoints.picked)
    assert (about["mean"], about["std"]) == ([0.1, 0.2, 0.3], [0.9, 0.8, 0.7])
    brought = classifier.open(checkpoints.picked, ctx).predict_proba(images)
    _, plain = fitted(images, context("plain"), folder / "model.safetensors", "test_resnet")
    assert read_description(plain.picked)["mean"] == [0.5, 0.5, 0.5]
    assert abs(classifier.open(plain.picked, ctx).predict_proba(images) - brought).max() > 1e-6


def test_only_given_weights_are_an_asset() -> None:
    assert TimmConfig().assets() == {}
    assert TimmConfig(weights="timm/resnet50.a1_in1k").assets()["weights"].source == "timm/resnet50.a1_in1k"


def test_what_cannot_be_had_is_named_with_the_ways_out() -> None:
    reference = TimmConfig(weights="./nowhere").assets()["weights"]
    with pytest.raises(UserError, match=r"^timm.weights: ./nowhere .*leave the option out and start from random"):
        resolve_asset(reference, "timm.weights")


@pytest.mark.parametrize(
    ("file_of", "model", "expected"),
    [
        ("test_vit", "test_resnet", "the model lacks blocks.0.attn.proj.bias"),
        ("resnet18", "resnet34", "96 tensors differ: the weights lack layer1.2.bn1.bias"),
        ("resnet34", "resnet18", "96 tensors differ: the model lacks layer1.2.bn1.bias"),
        ("wide_resnet50_2", "resnet50", "size mismatch for layer1.0.conv1.weight"),
    ],
)
def test_weights_of_another_architecture_are_one_clear_error(
    images: Images, context: MakeContext, tmp_path: Path, caplog: pytest.LogCaptureFixture,
    file_of: str, model: str, expected: str,
) -> None:  # fmt: skip
    file = saved(tmp_path, file_of)
    with pytest.raises(UserError) as refused:
        fitted(images, context(), file, model)
    message = str(refused.value)
    assert f"do not fit the model {model}: " in message and expected in message and str(file) in message
    assert "Set the option model" in message and len(message) < 320 + len(str(file)) and "\n" not in message
    assert not caplog.records


def folder_with(tmp_path: Path, config: str | None, weights: bytes | None) -> Path:
    folder = tmp_path / "net"
    folder.mkdir()
    if config is not None:
        (folder / "config.json").write_text(config)
    if weights is not None:
        (folder / "model.safetensors").write_bytes(weights)
    return folder


@pytest.mark.parametrize(
    ("config", "weights", "expected"),
    [
        (json.dumps({"architecture": "resnet18", "pretrained_cfg": {}}), b"x", "are of resnet18, and the model is"),
        (json.dumps({"architectures": ["X"]}), b"x", "is no configuration of timm"),
        ("{nope", b"x", "is no configuration of timm"),
        ("{}", None, "holds no file matching model.safetensors"),
        (None, b"\x80\x04N.", "cannot be read"),
    ],
)
def test_a_bad_folder_is_refused(
    images: Images, context: MakeContext, tmp_path: Path, config: str | None, weights: bytes | None, expected: str
) -> None:
    folder = folder_with(tmp_path, config, weights)
    with pytest.raises(UserError, match=expected):
        fitted(images, context(), folder, "test_resnet")


def test_a_pickle_is_never_opened(images: Images, context: MakeContext, tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    torch.save(make("test_resnet", 2).state_dict(), file)
    with pytest.raises(UserError, match=r"weights.pth is no .safetensors file"):
        fitted(images, context(), file, "test_resnet")
