"""The generators ``sd21`` and ``sd21-lora``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from cytobench.context import Context
from cytobench.contract import Ran
from cytobench.images import Images
from cytobench_diffusion.adapter import save_adapter, take_adapter
from cytobench_diffusion.config import BaselineConfig, DiffusionSampleConfig, LoraFitConfig
from cytobench_diffusion.lora import train_adapter
from cytobench_diffusion.pipeline import LoadedPipeline, load_pipeline
from cytobench_diffusion.sampler import DiffusionSampler


class BaselineGenerator:
    """Stable Diffusion as it is, prompted with the class prompt."""

    def __init__(self, fit_config: BaselineConfig, sample_config: DiffusionSampleConfig) -> None:
        self._fit_config = fit_config
        self._sample_config = sample_config

    def fit(self, shots: Images, ctx: Context) -> None:
        """Not called: the scope is ``none``."""

    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> DiffusionSampler:
        """Open the base model; ``artefacts`` are not used."""
        loaded = _load(self._fit_config, ctx)
        ran = _ran(loaded, self._fit_config, "")
        return DiffusionSampler(loaded, None, self._sample_config, ran, ctx)


class LoraGenerator:
    """Stable Diffusion with one LoRA adapter a class."""

    def __init__(self, fit_config: LoraFitConfig, sample_config: DiffusionSampleConfig) -> None:
        self._fit_config = fit_config
        self._sample_config = sample_config

    def fit(self, shots: Images, ctx: Context) -> None:
        """Tune an adapter on the shots of one class, or take the one that was tuned elsewhere.

        Leaves ``pytorch_lora_weights.safetensors`` (diffusers' LoRA format) and ``loss.json`` in ``ctx.out``,
        and the loaded pipeline as it was, also after an error.
        """
        if not len(shots):
            raise ValueError("sd21-lora: there are no shots to tune on")
        loaded = _load(self._fit_config, ctx)
        if "adapter" in ctx.assets:
            label = str(shots.table["label"].iloc[0])
            take_adapter(loaded, ctx.assets["adapter"], label, ctx.out)
            return
        try:
            with ctx.time("train"):
                losses = train_adapter(loaded, shots, self._fit_config, ctx)
            save_adapter(loaded.pipe, self._fit_config, ctx.out)
        finally:
            loaded.clean()
        (ctx.out / "loss.json").write_text(json.dumps({"loss": losses}) + "\n", encoding="utf-8")

    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> DiffusionSampler:
        """Open for sampling; each label's adapter is put on when its turn comes."""
        loaded = _load(self._fit_config, ctx)
        adapter = ctx.assets.get("adapter")
        lora = f"r{self._fit_config.rank}" if adapter is None else f"tuned elsewhere {adapter.digest[:12]}"
        ran = _ran(loaded, self._fit_config, f" + LoRA {lora}")
        return DiffusionSampler(loaded, artefacts, self._sample_config, ran, ctx)


def _load(config: BaselineConfig, ctx: Context) -> LoadedPipeline:
    with ctx.time("load"):
        return load_pipeline(ctx.assets["weights"], ctx.device, ctx.dtype, config.prediction_type)


def _ran(loaded: LoadedPipeline, config: BaselineConfig, suffix: str) -> Ran:
    # The size is counted, not taken from a name, so that no small model can pass for Stable Diffusion 2.1.
    predicts = f", {config.prediction_type}" if config.prediction_type else ""
    return Ran(
        weights=f"{loaded.asset.source} {loaded.asset.digest[:12]}",
        architecture=f"Stable Diffusion UNet {loaded.unet_parameters / 1e6:.1f} M{predicts}{suffix}",
        resolution=config.resolution,
    )
