"""The extractor ``inception`` gives what torch-fidelity's own network gives, from safetensors."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from torch_fidelity import FeatureExtractorInceptionV3

from cytobench.assets import Asset, AssetReference, resolve_asset
from cytobench.context import Context
from cytobench.errors import UserError
from cytobench.images import Images
from cytobench_inception.config import InceptionConfig
from cytobench_inception.extractor import InceptionExtractor


class RandomInception(FeatureExtractorInceptionV3):
    """The network with the random weights that it is made with, which its own class replaces at once."""

    def load_state_dict(self, state_dict: Mapping[str, Any], *_: Any, **__: Any) -> None:
        """Keep the random weights."""


@dataclass
class Pixels:
    image: NDArray[np.uint8]

    def read(self) -> NDArray[np.uint8]:
        return self.image


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return RandomInception("random", ["2048"], nothing).state_dict()


def context(folder: Path, asset: Asset) -> Context:
    return Context(seed=0, device="cpu", dtype="float32", out=folder, assets={"weights": asset})


def as_asset(path: Path) -> Asset:
    return resolve_asset(AssetReference(str(path)), "inception.weights")


def test_features_equal_torch_fidelitys_network_for_images_of_mixed_sizes(
    weights: dict[str, Tensor], tmp_path: Path
) -> None:
    save_file(weights, tmp_path / "inception.safetensors")
    torch.save(weights, tmp_path / "inception.pth")
    network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(tmp_path / "inception.pth"))
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 256, (side, 40, 3), dtype=np.uint8) for side in (40, 60)]
    table = pd.DataFrame({"label": ["A", "A"], "prompt": "", "synthetic": False})
    images = Images(table, ("A",), {"A": ""}, [Pixels(image) for image in pixels])
    opened = InceptionExtractor(InceptionConfig(weights="x")).open(
        context(tmp_path, as_asset(tmp_path / "inception.safetensors"))
    )
    features = opened.features(images)
    opened.close()
    with torch.inference_mode():
        expected = [network(torch.from_numpy(image).permute(2, 0, 1)[None])[0][0].numpy() for image in pixels]
    assert features.shape == (2, 2048) and features.std() > 0
    np.testing.assert_allclose(features, np.array(expected), rtol=1e-4, atol=1e-6)
    assert opened.ran.resolution == 299


def test_pickled_weights_are_never_read(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "sprung",)

    torch.save({"trap": Trap()}, tmp_path / "inception.pth")
    (tmp_path / "renamed.safetensors").write_bytes((tmp_path / "inception.pth").read_bytes())
    for name, message in (("inception.pth", "Pickled weights can run code"), ("renamed.safetensors", "or damaged")):
        extractor = InceptionExtractor(InceptionConfig(weights=name))
        with pytest.raises(UserError, match=message):
            extractor.open(context(tmp_path, as_asset(tmp_path / name)))
    assert not (tmp_path / "sprung").exists()


def test_weights_of_another_shape_are_named(weights: dict[str, Tensor], tmp_path: Path) -> None:
    save_file({**weights, "fc.bias": torch.zeros(1000)}, tmp_path / "torchvision.safetensors")
    extractor = InceptionExtractor(InceptionConfig(weights="x"))
    with pytest.raises(UserError, match=r"torchvision\.safetensors does not fit torch-fidelity's Inception-v3"):
        extractor.open(context(tmp_path, as_asset(tmp_path / "torchvision.safetensors")))
