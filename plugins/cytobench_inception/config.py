"""Configuration of ``inception``."""

from __future__ import annotations

from collections.abc import Mapping

from cytobench.assets import AssetReference
from cytobench.contract import PluginConfig


class InceptionConfig(PluginConfig):
    """Where the weights are; there is no default, for no package carries them."""

    weights: str
    """A ``.safetensors`` file made of torch-fidelity's ``weights-inception-2015-12-05-6726825d.pth``."""

    def assets(self) -> Mapping[str, AssetReference]:
        """The weights."""
        return {"weights": AssetReference(self.weights, ("*.safetensors",), configuration=())}
