"""A whole extractor plugin, installed for one test: mean colours, and a line in a file for every image it sees.

With the variable OUT_OF_ORDER it raises; with the option ``top`` it looks at the upper half of an image alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

PLUGIN = """
from cytobench.contract import ExtractorSpec, hookimpl

@hookimpl
def cytobench_extractors():
    return [
        ExtractorSpec(name="{name}", summary="Mean colours", contract=1, revision={revision},
                      factory="{module}_work:Colours", config="{module}_work:Config")
    ]
"""
WORK = """
import os
from pathlib import Path
import numpy as np
from cytobench.assets import AssetReference
from cytobench.contract import PluginConfig, Ran
from cytobench.decode import pixel_digest

class Config(PluginConfig):
    weights: str = {weights!r}
    power: int = 1
    broken: str = ""
    top: bool = False

    def assets(self):
        return {{"weights": AssetReference(self.weights)}}

class Colours:
    def __init__(self, config):
        self.config = config

    def open(self, ctx):
        assert ctx.assets["weights"].path.is_file()
        return Opened(self.config)

class Opened:
    ran = Ran("none", "mean colours", None)

    def __init__(self, config):
        self.config = config

    def features(self, images):
        if "OUT_OF_ORDER" in os.environ:
            raise RuntimeError("out of order")
        rows = []
        with open(os.environ["SEEN"], "a") as seen:
            for i in range(len(images)):
                seen.write(pixel_digest(images[i]) + "\\n")
                shown = images[i][: len(images[i]) // 2] if self.config.top else images[i]
                rows.append((shown.reshape(-1, 3).mean(axis=0) / 255) ** self.config.power)
        features = np.array(rows, dtype=np.float32)
        broken = self.config.broken
        if broken == "dtype":
            return features.astype(np.float64)
        if broken == "short":
            return features[:-1]
        if broken == "nan":
            return features * np.nan
        return features

    def close(self):
        Path(os.environ["SEEN"] + ".closed").touch()
"""


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """What the installed extractor ``colours`` has seen: the digests of all images, in order."""
    file, module = tmp_path / "seen.txt", f"colours_{tmp_path.name.replace('-', '_')}"
    weights = tmp_path / "colours.safetensors"
    weights.write_bytes(b"one")
    plugin = tmp_path / "plugin"
    info = plugin / "colours-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: colours\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[cytobench]\ncolours = {module}\n")
    (plugin / f"{module}.py").write_text(PLUGIN.format(name="colours", revision=1, module=module))
    (plugin / f"{module}_work.py").write_text(WORK.format(weights=str(weights)))
    monkeypatch.syspath_prepend(str(plugin))
    monkeypatch.setenv("SEEN", str(file))
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    return lambda: file.read_text().split() if file.exists() else []
