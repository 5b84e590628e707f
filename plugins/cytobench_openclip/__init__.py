"""On open_clip: the classifier ``clip``, tuned by LoRA, and its image tower as the extractor ``clip``."""

from __future__ import annotations

from collections.abc import Sequence

from cytobench.contract import ClassifierSpec, ExtractorSpec, hookimpl

CLIP = ClassifierSpec(
    name="clip",
    summary="CLIP (open_clip) with LoRA on q and v of both towers; class prompts as text",
    contract=1,
    revision=2,
    factory="cytobench_openclip.classifier:ClipClassifier",
    config="cytobench_openclip.config:ClipConfig",
    title="clip",
    count_tokens="cytobench_openclip.tokens:count_tokens",
    cut_off="cytobench_openclip.tokens:cut_off",
)

CLIP_FEATURES = ExtractorSpec(
    name="clip",
    summary="The image tower of a CLIP (open_clip), before any tuning; the classifier's own view of images",
    contract=1,
    revision=1,
    factory="cytobench_openclip.extractor:ClipExtractor",
    config="cytobench_openclip.config:ClipFeaturesConfig",
)


@hookimpl
def cytobench_classifiers() -> Sequence[ClassifierSpec]:
    """The classifiers of this plugin."""
    return [CLIP]


@hookimpl
def cytobench_extractors() -> Sequence[ExtractorSpec]:
    """The extractors of this plugin."""
    return [CLIP_FEATURES]
