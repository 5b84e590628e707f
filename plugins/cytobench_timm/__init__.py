"""On timm: classifiers ``resnet50`` (the study's) and ``timm`` (any model), extractors ``lite0`` and ``dinov2``."""

from __future__ import annotations

from collections.abc import Sequence

from cytobench.contract import ClassifierSpec, ExtractorSpec, hookimpl

RESNET50 = ClassifierSpec(
    name="resnet50",
    summary="ResNet-50, from scratch or from weights (--set resnet50.weights=PATH)",
    contract=1,
    revision=2,
    factory="cytobench_timm.classifier:TimmClassifier",
    config="cytobench_timm.config:ResNet50Config",
    title="resnet50",
)
ANY = ClassifierSpec(
    name="timm",
    summary="Any timm model (--set timm.model=NAME), from scratch or from weights",
    contract=1,
    revision=2,
    factory="cytobench_timm.classifier:TimmClassifier",
    config="cytobench_timm.config:TimmConfig",
    title="timm:{model}",
)

LITE0 = ExtractorSpec(
    name="lite0",
    summary="EfficientNet-Lite0 from ImageNet, 1280 features; its weights come with a package, no download",
    contract=1,
    revision=1,
    factory="cytobench_timm.extractors:Lite0Extractor",
    config="cytobench_timm.config:Lite0Config",
)
DINOV2 = ExtractorSpec(
    name="dinov2",
    summary="DINOv2 (--set dinov2.weights=PATH or the Hub), 384 features",
    contract=1,
    revision=1,
    factory="cytobench_timm.extractors:Dinov2Extractor",
    config="cytobench_timm.config:Dinov2Config",
)


@hookimpl
def cytobench_classifiers() -> Sequence[ClassifierSpec]:
    """The classifiers of this plugin."""
    return [RESNET50, ANY]


@hookimpl
def cytobench_extractors() -> Sequence[ExtractorSpec]:
    """The extractors of this plugin."""
    return [LITE0, DINOV2]
