from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
import timm
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from cytobench.context import Context
from cytobench.images import Images
from cytobench.plugins.factory import load
from cytobench_timm import cytobench_classifiers
from cytobench_timm.classifier import TimmClassifier
from cytobench_timm.config import ResNet50Config, TimmConfig

MakeContext = Callable[..., Context]
SMALL = {"epochs": 1, "batch_size": 4, "resolution": 32}
TINY = "test_resnet"


def test_a_model_is_trained_opened_and_predicts(images: Images, context: MakeContext) -> None:
    ctx = context()
    classifier = TimmClassifier(TimmConfig(model=TINY, **SMALL))
    checkpoints = classifier.fit(images, images, ctx)
    assert sorted(path.name for path in ctx.out.iterdir()) == ["last.safetensors", "picked.safetensors"]
    predictor = classifier.open(checkpoints.last, ctx)
    assert predictor.ran.weights == "from scratch"
    assert predictor.ran.architecture == "test_resnet 0.4 M"
    assert predictor.ran.resolution == 32
    probabilities = predictor.predict_proba(images)
    assert probabilities.shape == (8, 2)
    assert abs(probabilities.sum(1) - 1).max() < 1e-6
    assert (classifier.open(checkpoints.last, ctx).predict_proba(images) == probabilities).all()
    predictor.close()


def test_the_same_seed_gives_the_same_bytes(images: Images, context: MakeContext) -> None:
    state = torch.random.get_rng_state()
    classifier = TimmClassifier(TimmConfig(model=TINY, **SMALL))
    first, again = (classifier.fit(images, images, context(name)).last.read_bytes() for name in "ab")
    assert first == again
    assert torch.equal(torch.random.get_rng_state(), state)


def test_resnet50_is_a_resnet50(images: Images, context: MakeContext) -> None:
    ctx = context()
    classifier = TimmClassifier(ResNet50Config(**{**SMALL, "batch_size": 8}))
    checkpoints = classifier.fit(images, images, ctx)
    ran = classifier.open(checkpoints.picked, ctx).ran
    assert ran.architecture == "ResNet-50 23.5 M"
    shapes = {name: tensor.shape for name, tensor in load_file(checkpoints.picked).items()}
    real = timm.create_model("resnet50", num_classes=2).state_dict()
    assert shapes == {name: tensor.shape for name, tensor in real.items()}


def test_the_name_resnet50_cannot_be_given_to_another_model() -> None:
    with pytest.raises(ValidationError):
        ResNet50Config(model="resnet18")  # type: ignore[arg-type]


def test_a_model_with_a_fixed_size_takes_the_resolution(images: Images, context: MakeContext) -> None:
    ctx = context()
    classifier = TimmClassifier(TimmConfig(model="test_vit", **SMALL))
    checkpoints = classifier.fit(images, images, ctx)
    assert classifier.open(checkpoints.picked, ctx).predict_proba(images).shape == (8, 2)


def test_an_unknown_model_is_named_with_near_ones() -> None:
    with pytest.raises(ValidationError, match=r"no model of timm.*Did you mean resnet50"):
        TimmConfig(model="resnet5O", **SMALL)


def test_specs_lead_to_what_they_name() -> None:
    specs = {spec.name: spec for spec in cytobench_classifiers()}
    assert set(specs) == {"resnet50", "timm"}
    for spec in specs.values():
        config_class = load(spec.config)
        assert callable(load(spec.factory))
        assert config_class().epochs == 100
        assert config_class(**config_class.presets["pocket"]).epochs < 100
    assert specs["timm"].title.format(model="resnet18") == "timm:resnet18"


def test_offers_and_options_need_no_torch() -> None:
    code = "import sys, cytobench_timm.config, cytobench_openclip.config; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
