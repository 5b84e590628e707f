from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from numpy.testing import assert_allclose
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.transforms.v2 import functional as F
from transformers import CLIPTokenizer

from cytobench.assets import Asset, resolve_asset
from cytobench.context import Context
from cytobench.errors import UserError
from cytobench.images import Images
from cytobench.plugins.factory import load
from cytobench_openclip import cytobench_classifiers
from cytobench_openclip.attention import SplitAttention, split_attention
from cytobench_openclip.classifier import ClipClassifier
from cytobench_openclip.config import OPENAI_VIT_B_32, ClipConfig, ClipFeaturesConfig
from cytobench_openclip.model import load_clip

MakeContext = Callable[..., Context]
MODEL: dict[str, Any] = {
    "embed_dim": 16,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "patch_size": 16, "layers": 2, "width": 32, "head_width": 16},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "layers": 3, "width": 16, "heads": 2},
}
SMALL = {"model": "custom", "weights": "here", "resolution": 32, "epochs": 1, "batch_size": 4}


def _save(folder: Path, model_cfg: dict[str, Any]) -> open_clip.CLIP:
    """A folder in open_clip's Hub layout with random weights."""
    folder.mkdir()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.CLIP(**model_cfg)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model_cfg, "preprocess_cfg": {}}))
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return model.eval()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    _save(tmp_path / "clip", MODEL)
    return tmp_path / "clip"


def _assets(path: Path) -> dict[str, Asset]:
    return {"weights": Asset("here", path, "ab" * 32)}


@pytest.mark.parametrize("batch_first", [True, False])
def test_split_attention_computes_the_same(batch_first: bool) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        fused = nn.MultiheadAttention(32, 4, batch_first=batch_first)
        nn.init.normal_(fused.in_proj_bias)
        nn.init.normal_(fused.out_proj.bias)
        x = torch.randn(5, 5, 32)
    mask = torch.full((5, 5), float("-inf")).triu_(1)
    for attn_mask in (None, mask):
        expected = fused(x, x, x, need_weights=False, attn_mask=attn_mask)[0]
        torch.testing.assert_close(SplitAttention(fused)(x, x, x, attn_mask=attn_mask)[0], expected)


def test_a_split_model_computes_the_same(tmp_path: Path) -> None:
    model = _save(tmp_path / "clip", MODEL)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    tokens = open_clip.SimpleTokenizer(context_length=12)(["a cell", "another cell"])
    with torch.no_grad():
        before = model.encode_image(images), model.encode_text(tokens)
        assert split_attention(model) == 5
        after = model.encode_image(images), model.encode_text(tokens)
    torch.testing.assert_close(after, before)


def test_lora_on_q_and_v_of_both_towers_is_all_that_is_trained(
    images: Images, context: MakeContext, weights: Path
) -> None:
    checkpoints = ClipClassifier(ClipConfig(**SMALL)).fit(images, images, context(assets=_assets(weights)))
    names = list(load_file(checkpoints.last))
    assert len(names) == (2 + 3) * 2 * 2  # blocks of both towers, q and v, A and B
    assert all(".q_proj.lora_" in name or ".v_proj.lora_" in name for name in names)
    assert sum("visual" in name for name in names) == 2 * 2 * 2
    ranks = {tensor.shape[0] for name, tensor in load_file(checkpoints.last).items() if "lora_A" in name}
    assert ranks == {16}
    trained = [tensor for name, tensor in load_file(checkpoints.last).items() if "lora_B" in name]
    assert all(tensor.abs().max() > 0 for tensor in trained)  # both towers learn


def test_untrained_it_answers_what_open_clip_answers(images: Images, context: MakeContext, tmp_path: Path) -> None:
    model = _save(tmp_path / "clip", MODEL)
    ctx = context(assets=_assets(tmp_path / "clip"))
    classifier = ClipClassifier(ClipConfig(lr=1e-30, **SMALL))
    checkpoints = classifier.fit(images, images, ctx)
    predictor = classifier.open(checkpoints.last, ctx)
    pixels = [F.resize(torch.from_numpy(images[i]).permute(2, 0, 1), [32, 32]) for i in range(len(images))]
    batch = F.normalize(torch.stack(pixels) / 255, open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    texts = open_clip.SimpleTokenizer(context_length=12)([images.prompts[label] for label in images.labels])
    with torch.no_grad():
        logits, _ = model.get_logits(batch, texts)
    assert_allclose(predictor.predict_proba(images), logits.softmax(1).numpy(), atol=1e-5)
    assert predictor.ran.weights == "here@abababababab"
    assert predictor.ran.architecture == "custom ViT 2x32 /16 at 32 px 0.9 M, quick GELU + LoRA r16"
    assert predictor.ran.resolution == 32
    predictor.close()


def test_training_changes_the_answers_and_is_opened_again(images: Images, context: MakeContext, weights: Path) -> None:
    ctx = context(assets=_assets(weights))
    classifier = ClipClassifier(ClipConfig(**{**SMALL, "epochs": 12, "lr": 1e-2, "warmup_epochs": 1}))
    checkpoints = classifier.fit(images, images, ctx)
    assert checkpoints.curves[-1]["val_loss"] < checkpoints.curves[0]["val_loss"]
    probabilities = classifier.open(checkpoints.last, ctx).predict_proba(images)
    loss = -np.log(probabilities[np.arange(8), images.targets]).mean()
    assert loss == pytest.approx(checkpoints.curves[-1]["val_loss"], abs=1e-4)


def test_the_same_seed_gives_the_same_bytes(images: Images, context: MakeContext, weights: Path) -> None:
    state = torch.random.get_rng_state()
    classifier = ClipClassifier(ClipConfig(**SMALL))
    assets = _assets(weights)
    first, again = (classifier.fit(images, images, context(n, assets=assets)).last.read_bytes() for n in "ab")
    assert first == again
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("config", [ClipConfig, ClipFeaturesConfig])
def test_a_single_file_does_not_say_its_activation_and_is_asked_for_it(
    tmp_path: Path, config: type[ClipConfig | ClipFeaturesConfig]
) -> None:
    file = tmp_path / "mine.safetensors"
    save_file({"logit_scale": torch.zeros(())}, file)
    for values in ({}, {"model": "custom"}):
        with pytest.raises(ValidationError, match=r"GELU or quick GELU.*model=ViT-B-32-quickgelu.*model=ViT-B-32 "):
            config.model_validate({"weights": str(file), **values})
    for model in ("ViT-B-32", "ViT-B-32-quickgelu"):
        assert config.model_validate({"weights": str(file), "model": model}).model == model
    openai = tmp_path / "openai.safetensors"
    openai.write_bytes(file.read_bytes())
    with pytest.raises(ValidationError, match="set model=ViT-B-32-quickgelu"):
        config.model_validate({"weights": str(openai), "model": "ViT-B-32"})


@pytest.mark.parametrize(("quick", "name"), [(True, "quick GELU"), (False, "GELU")])
def test_the_activation_is_on_record_and_computes_another_thing(
    images: Images, context: MakeContext, tmp_path: Path, quick: bool, name: str
) -> None:
    """The same tensors as one file under either name: only the record tells the rows apart, and the answers differ."""
    model = {**MODEL, "quick_gelu": quick}
    _save(tmp_path / "clip", model)
    file = tmp_path / "clip" / "open_clip_model.safetensors"
    (asset,) = _assets(file).values()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(open_clip, "get_model_config", lambda asked: {**model} if asked == "mine" else None)
        loaded = load_clip("mine", asset)
    assert loaded.architecture.endswith(f", {name}")
    pixels = torch.linspace(-2, 2, 2 * 3 * 32 * 32).reshape(2, 3, 32, 32)
    with torch.no_grad():
        made, other = (
            open_clip.CLIP(**{**MODEL, "quick_gelu": activation}).eval() for activation in (quick, not quick)
        )
        for network in (made, other):
            network.load_state_dict(load_file(file))
        features = loaded.model.eval().encode_image(pixels)  # type: ignore[operator]
        assert torch.allclose(features, made.encode_image(pixels), atol=1e-6)
        assert not torch.allclose(features, other.encode_image(pixels), atol=1e-3)


def test_a_single_file_with_the_name_of_its_architecture(images: Images, context: MakeContext, tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    save_file({"logit_scale": torch.zeros(())}, file)
    classifier = ClipClassifier(ClipConfig(weights="here", epochs=1))
    with pytest.raises(UserError, match=r"mine\.safetensors does not fit ViT-B-32-quickgelu.*{'weights': 'PATH'}"):
        classifier.fit(images, images, context(assets=_assets(file)))
    with pytest.raises(UserError, match="name its architecture"):
        ClipClassifier(ClipConfig(**SMALL)).fit(images, images, context("b", assets=_assets(file)))


def test_a_tokenizer_in_the_folder_is_used(images: Images, context: MakeContext, tmp_path: Path) -> None:
    words = ["<|startoftext|>", "bas</w>", "eos</w>", "<|endoftext|>"]
    letters = sorted({letter for word in ("bas", "eos") for letter in word})
    merges = [("b", "a"), ("ba", "s</w>"), ("e", "o"), ("eo", "s</w>")]
    tokens = [*words[:1], *letters, "s</w>", "ba", "eo", *words[1:]]
    tokenizer = CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=merges, model_max_length=12)
    text_cfg = {**MODEL["text_cfg"], "vocab_size": len(tokens), "hf_tokenizer_name": "mine"}
    _save(tmp_path / "clip", {**MODEL, "text_cfg": text_cfg})
    tokenizer.save_pretrained(tmp_path / "clip")
    ctx = context(assets=_assets(tmp_path / "clip"))
    classifier = ClipClassifier(ClipConfig(**SMALL))
    checkpoints = classifier.fit(images, images, ctx)
    assert classifier.open(checkpoints.last, ctx).predict_proba(images).shape == (8, 2)


def test_prompts_that_are_cut_are_reported(
    images: Images, context: MakeContext, weights: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images.prompts["EOS"] = "cell " * 20  # type: ignore[index]
    with caplog.at_level(logging.WARNING, "cytobench"):
        ClipClassifier(ClipConfig(**SMALL)).fit(images, images, context(assets=_assets(weights)))
    assert [record.getMessage() for record in caplog.records] == ["clip sees 12 tokens of a prompt; cut: EOS (22)"]


def test_openai_weights_need_quick_gelu() -> None:
    assert ClipConfig().model == "ViT-B-32-quickgelu"
    assert open_clip.get_model_config("ViT-B-32-quickgelu")["quick_gelu"] is True
    with pytest.raises(ValidationError, match="set model=ViT-B-32-quickgelu"):
        ClipConfig(model="ViT-B-32", weights=OPENAI_VIT_B_32)


def test_a_checkpoint_file_of_the_papers_clip_is_trained_saved_and_opened(
    images: Images, context: MakeContext, tmp_path: Path
) -> None:
    """ViT-B/32 at its full size with random weights, in half precision as a file of 300 MB."""
    file = tmp_path / "vit-b-32.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.create_model("ViT-B-32-quickgelu", pretrained=None)
    save_file({name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}, file)
    del model
    classifier, ctx = ClipClassifier(ClipConfig(weights="here", epochs=1, batch_size=8)), context(assets=_assets(file))
    checkpoints = classifier.fit(images, images, ctx)
    tensors = load_file(checkpoints.last)
    # Rank 16 on q and v of twelve blocks, 768 wide in the image tower and 512 in the text tower: A and B of each.
    assert len(tensors) == 2 * 12 * 2 * 2
    assert sum(tensor.numel() for tensor in tensors.values()) == 12 * 2 * 2 * 16 * (768 + 512)
    predictor = classifier.open(checkpoints.last, ctx)
    probabilities = predictor.predict_proba(images)
    assert (predictor.ran.architecture.split()[0], predictor.ran.resolution) == ("ViT-B-32-quickgelu", 224)
    assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_weights_of_another_architecture_are_refused(images: Images, context: MakeContext, tmp_path: Path) -> None:
    folder = tmp_path / "clip"
    folder.mkdir()
    described = {"model_cfg": open_clip.get_model_config("ViT-B-32-quickgelu")}
    (folder / "open_clip_config.json").write_text(json.dumps(described))
    (folder / "open_clip_model.safetensors").touch()
    classifier = ClipClassifier(ClipConfig(model="ViT-B-32", weights="here", resolution=224))
    with pytest.raises(UserError, match=r"quick_gelu is True there, False in ViT-B-32\)"):
        classifier.fit(images, images, context(assets=_assets(folder)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"resolution": 64}, "set clip.resolution=32"),
        ({"model": "ViT-B32"}, "Did you mean.*ViT-B-32"),
        ({"model": "RN50"}, "made for another architecture"),
    ],
)
def test_options_that_do_not_fit_are_named(
    images: Images, context: MakeContext, weights: Path, changes: dict[str, Any], message: str
) -> None:
    classifier = ClipClassifier(ClipConfig(**{**SMALL, **changes}))
    with pytest.raises(UserError, match=message):
        classifier.fit(images, images, context(assets=_assets(weights)))


@pytest.mark.parametrize("present", ["open_clip_config.json", "open_clip_model.safetensors"])
def test_a_folder_that_lacks_a_file_is_named(images: Images, context: MakeContext, weights: Path, present: str) -> None:
    for path in list(weights.iterdir()):
        if path.name != present:
            path.unlink()
    with pytest.raises(UserError, match=r"needs open_clip_config\.json and open_clip_model\.safetensors"):
        ClipClassifier(ClipConfig(**SMALL)).fit(images, images, context(assets=_assets(weights)))


def test_pickled_weights_are_refused(images: Images, context: MakeContext, tmp_path: Path) -> None:
    file = tmp_path / "open_clip_pytorch_model.bin"
    torch.save({}, file)
    with pytest.raises(UserError, match=r"no \.safetensors file"):
        ClipClassifier(ClipConfig(**SMALL)).fit(images, images, context(assets=_assets(file)))


def test_the_digest_covers_the_architecture(weights: Path) -> None:
    reference = ClipConfig(**{**SMALL, "weights": str(weights)}).assets()["weights"]
    before = resolve_asset(reference, "clip.weights").digest
    config = {**MODEL, "quick_gelu": False}
    (weights / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    assert resolve_asset(reference, "clip.weights").digest != before


def test_the_spec_leads_to_what_it_names() -> None:
    (spec,) = cytobench_classifiers()
    config_class = load(spec.config)
    assert callable(load(spec.factory))
    assert config_class().weights == OPENAI_VIT_B_32 and config_class().epochs == 100
    assert config_class(**config_class.presets["pocket"]).weights.startswith("package:cytobench_phantom/")
