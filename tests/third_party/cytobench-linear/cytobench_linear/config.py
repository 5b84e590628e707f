from pydantic import Field

from cytobench.contract import PluginConfig


class LinearConfig(PluginConfig):
    """How cells are described, and which strengths of the penalty are tried on validation."""

    side: int = Field(default=16, ge=4, le=64)
    """Pixels of the thumbnail's side."""
    strengths: tuple[float, ...] = (0.001, 0.01, 0.1, 1.0)
    """Inverse strengths C."""
