"""torch-fidelity's Inception-v3 as an extractor."""

from __future__ import annotations

import io

import torch
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from cytobench.assets import Asset
from cytobench.context import Context
from cytobench.contract import OpenedExtractor, Ran
from cytobench.errors import UserError
from cytobench_inception.config import InceptionConfig
from cytobench_torch.checkpoint import count_parameters
from cytobench_torch.features import TorchExtractor
from cytobench_torch.seeding import seeded
from cytobench_torch.weights import read_weights

LAYER = "2048"
"""The pooled features before the classes, which FID and KID are defined on (Heusel et al. 2017)."""


class Pooled(nn.Module):
    """The network's pooled features, (n, 2048), of uint8 images of any one size: it resizes them itself."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Features of uint8 images (n, 3, height, width)."""
        features: tuple[Tensor] = self.network(images)
        return features[0]


class InceptionExtractor:
    """Inception-v3 as torch-fidelity computes it, its resizing like TensorFlow 1 included."""

    def __init__(self, config: InceptionConfig) -> None:
        self.config = config

    def open(self, ctx: Context) -> OpenedExtractor:
        """Load the network."""
        asset = ctx.assets["weights"]
        with ctx.time("load"), seeded(ctx.seed, ctx.device):
            network = _network(asset)
        resolution = FeatureExtractorInceptionV3.INPUT_IMAGE_SIZE
        architecture = f"Inception-v3 of torch-fidelity {count_parameters(network)}"
        ran = Ran(f"{asset.source}@{asset.digest[:12]}", architecture, resolution)
        return TorchExtractor(Pooled(network), ctx, ran)


def _network(asset: Asset) -> nn.Module:
    state = read_weights(asset, "inception")
    # torch-fidelity takes its weights from a pickle alone; this one is made here, of tensors read from safetensors.
    pickled = io.BytesIO()
    torch.save(state, pickled)
    pickled.seek(0)
    try:
        network: nn.Module = FeatureExtractorInceptionV3("inception-v3-compat", [LAYER], pickled)
    except RuntimeError as error:
        raise UserError(f"inception.weights {asset.source} does not fit torch-fidelity's Inception-v3.") from error
    return network
