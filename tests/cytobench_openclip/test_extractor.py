"""The extractor ``clip``: the image tower of the weights that the classifier starts from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torchvision.transforms.v2 import functional as F

from cytobench.assets import resolve_asset
from cytobench.context import Context
from cytobench.images import Images
from cytobench_openclip.config import ClipConfig, ClipFeaturesConfig
from cytobench_openclip.extractor import ClipExtractor
from cytobench_openclip.model import load_clip


def test_features_are_the_image_towers(images: Images, context: Callable[..., Context]) -> None:
    config = ClipFeaturesConfig(**ClipFeaturesConfig.presets["pocket"])
    asset = resolve_asset(config.assets()["weights"], "clip.weights")
    opened = ClipExtractor(config).open(context(assets={"weights": asset}))
    features = opened.features(images)
    opened.close()
    loaded = load_clip(config.model, asset)
    pixels = torch.stack([torch.from_numpy(images[i]).permute(2, 0, 1) for i in range(len(images))])
    shown = loaded.normalise(F.resize(pixels, [64, 64], antialias=True))
    with torch.inference_mode():
        expected = loaded.model.eval().encode_image(shown).numpy()  # type: ignore[operator]
    np.testing.assert_allclose(features, expected, atol=1e-5)
    assert opened.ran.resolution == 64 and "image tower" in opened.ran.architecture


def test_both_presets_are_those_of_the_classifier() -> None:
    classifier = ClipConfig(**ClipConfig.presets["pocket"])
    features = ClipFeaturesConfig(**ClipFeaturesConfig.presets["pocket"])
    assert features.assets() == classifier.assets() and features.model == classifier.model
    assert ClipFeaturesConfig().assets() == ClipConfig().assets()
