"""Built-in generators: ``sd21`` (Stable Diffusion 2.1) and ``sd21-lora`` (with one LoRA adapter a class)."""

from __future__ import annotations

from collections.abc import Sequence

from cytobench.contract import GeneratorSpec, hookimpl

LORA = GeneratorSpec(
    name="sd21-lora",
    summary="Stable Diffusion 2.1 with one LoRA adapter a class, tuned on the shots",
    contract=1,
    revision=2,
    factory="cytobench_diffusion.generators:LoraGenerator",
    fit_config="cytobench_diffusion.config:LoraFitConfig",
    sample_config="cytobench_diffusion.config:DiffusionSampleConfig",
    scope="class",
)
BASELINE = GeneratorSpec(
    name="sd21",
    summary="Stable Diffusion 2.1 as it is, prompted with the class prompt",
    contract=1,
    revision=1,
    factory="cytobench_diffusion.generators:BaselineGenerator",
    fit_config="cytobench_diffusion.config:BaselineConfig",
    sample_config="cytobench_diffusion.config:DiffusionSampleConfig",
    scope="none",
)


@hookimpl
def cytobench_generators() -> Sequence[GeneratorSpec]:
    """The generators of this plugin."""
    return [LORA, BASELINE]
