"""The built-in classifier ``clip``: an open_clip model, tuned by LoRA, that reads the class prompts."""

from __future__ import annotations

from collections.abc import Sequence

from cytobench.contract import ClassifierSpec, hookimpl

CLIP = ClassifierSpec(
    name="clip",
    summary="CLIP (open_clip) with LoRA on q and v of both towers; class prompts as text",
    contract=1,
    revision=1,
    factory="cytobench_openclip.classifier:ClipClassifier",
    config="cytobench_openclip.config:ClipConfig",
    title="clip",
)


@hookimpl
def cytobench_classifiers() -> Sequence[ClassifierSpec]:
    """The classifiers of this plugin."""
    return [CLIP]
