"""Built-in classifiers on timm: ``resnet50`` (the study's) and ``timm`` (any timm model by name)."""

from __future__ import annotations

from collections.abc import Sequence

from cytobench.contract import ClassifierSpec, hookimpl

RESNET50 = ClassifierSpec(
    name="resnet50",
    summary="ResNet-50, from scratch or from weights (--set resnet50.weights=PATH)",
    contract=1,
    revision=1,
    factory="cytobench_timm.classifier:TimmClassifier",
    config="cytobench_timm.config:ResNet50Config",
    title="resnet50",
)
ANY = ClassifierSpec(
    name="timm",
    summary="Any timm model (--set timm.model=NAME), from scratch or from weights",
    contract=1,
    revision=1,
    factory="cytobench_timm.classifier:TimmClassifier",
    config="cytobench_timm.config:TimmConfig",
    title="timm:{model}",
)


@hookimpl
def cytobench_classifiers() -> Sequence[ClassifierSpec]:
    """The classifiers of this plugin."""
    return [RESNET50, ANY]
