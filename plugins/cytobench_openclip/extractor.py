"""The extractor ``clip``: what a CLIP's image tower makes of an image, before any tuning."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from cytobench.context import Context
from cytobench.contract import OpenedExtractor, Ran
from cytobench_openclip.config import ClipFeaturesConfig
from cytobench_openclip.model import load_clip
from cytobench_torch.features import Prepared, TorchExtractor
from cytobench_torch.seeding import seeded


class ImageTower(nn.Module):
    """The projected image features of a CLIP, (n, width), not normalised."""

    def __init__(self, clip: nn.Module) -> None:
        super().__init__()
        self.clip: Any = clip

    def forward(self, images: Tensor) -> Tensor:
        """Features of normalised images (n, 3, r, r)."""
        features: Tensor = self.clip.encode_image(images)
        return features


class ClipExtractor:
    """A CLIP's image tower."""

    def __init__(self, config: ClipFeaturesConfig) -> None:
        self.config = config

    def open(self, ctx: Context) -> OpenedExtractor:
        """Load the model; its text tower is not used."""
        weights = ctx.assets["weights"]
        with ctx.time("load"), seeded(ctx.seed, ctx.device):
            loaded = load_clip(self.config.model, weights)
        ran = Ran(f"{weights.source}@{weights.digest[:12]}", f"{loaded.architecture}, image tower", loaded.resolution)
        return TorchExtractor(Prepared(ImageTower(loaded.model), loaded.resolution, loaded.normalise), ctx, ran)
