"""What a configuration leans on besides its settings: weights found, and versions of what is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cytobench.assets import Asset, identities, resolve_asset
from cytobench.contract import PluginConfig


@dataclass(frozen=True)
class Needs:
    """What a configuration leans on besides its settings: resolved assets, and versions of what is run, by name."""

    assets: Mapping[str, Asset] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def __or__(self, other: Needs) -> Needs:
        return Needs({**self.assets, **other.assets}, {**self.versions, **other.versions})

    def inputs(self) -> dict[str, dict[str, Any]]:
        """What a content address says of them: what identifies assets, and versions where there are some."""
        versions = {"versions": dict(sorted(self.versions.items()))} if self.versions else {}
        return {"assets": identities(self.assets), **versions}


def find_needs(config: PluginConfig, name: str) -> Needs:
    """What the configuration of the plugin or variant ``name`` needs. Raises as :func:`resolve_asset` does."""
    versions = config.versions()  # first, as a program that is not here is the plainer mistake
    assets = {key: resolve_asset(reference, f"{name}.{key}") for key, reference in config.assets().items()}
    return Needs(assets, versions)
