"""One Stable Diffusion pipeline, loaded once and handed from fit to fit to sampling in a clean state."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline

from cytobench.assets import Asset
from cytobench.errors import CytobenchError
from cytobench_diffusion.adapter import put_on
from cytobench_diffusion.adapter_file import read_adapter
from cytobench_diffusion.adapter_place import ADAPTER_FILE
from cytobench_diffusion.quiet import quiet
from cytobench_diffusion.single_file import load_single_file

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass
class LoadedPipeline:
    """A pipeline and the adapter it wears. Between stages it wears none, trains nothing, is in eval mode."""

    pipe: Any
    asset: Asset
    device: torch.device
    dtype: torch.dtype
    unet_parameters: int = field(init=False)
    adapter: Path | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.unet_parameters = sum(parameter.numel() for parameter in self.pipe.unet.parameters())

    @property
    def models(self) -> dict[str, Any]:
        """The models that an adapter may tune, by part."""
        return {"unet": self.pipe.unet, "text_encoder": self.pipe.text_encoder}

    def wear(self, adapter: Path | None) -> None:
        """Wear the LoRA adapter in this folder and no other; None is the base model alone."""
        if adapter == self.adapter:
            return
        self.clean()
        if adapter is None:
            return
        layers = read_adapter(adapter / ADAPTER_FILE, self.models, self.asset.source)
        try:
            # peft initialises layers before it fills them: keep that off the global random state.
            with quiet(), torch.random.fork_rng(devices=[]):
                for part, model in self.models.items():
                    if layers[part]:
                        put_on(model, layers[part])
                    model.to(self.dtype)
        except Exception as error:
            self.clean()
            file = adapter / ADAPTER_FILE
            raise CytobenchError(f"{file} does not fit {self.asset.source}: {error}") from error
        self.adapter = adapter

    def clean(self) -> None:
        """Take off every adapter, finished or half-trained, and stop training."""
        self.adapter = None
        self.pipe.unload_lora_weights()
        for model in (self.pipe.unet, self.pipe.text_encoder, self.pipe.vae):
            model.requires_grad_(False)
            model.eval()
        self.pipe.unet.disable_gradient_checkpointing()


# One a thread, because adapters are swapped in place.
_slot = threading.local()


def load_pipeline(asset: Asset, device: str, dtype: str, prediction_type: str | None = None) -> LoadedPipeline:
    """Load a diffusers folder or a single file, or hand out again what was loaded last, cleaned.

    ``dtype`` is float32, bfloat16 or float16; on a CPU, which is slow in float16, that becomes float32.
    ``prediction_type`` is for a single file that has no configuration.
    No file outside ``asset`` is read but the package's own (and, for a single file, the configuration beside
    it); the network is not touched. Raises :class:`~cytobench.errors.CytobenchError` where the files are no
    Stable Diffusion pipeline.
    """
    torch_device = torch.device(device)
    torch_dtype = torch.float32 if torch_device.type == "cpu" and dtype == "float16" else _DTYPES[dtype]
    key = (asset.digest, asset.path, torch_device, torch_dtype, prediction_type)
    if getattr(_slot, "key", None) != key:
        release()
        _slot.loaded = _load(asset, torch_device, torch_dtype, prediction_type)
        _slot.key = key
    loaded: LoadedPipeline = _slot.loaded
    loaded.clean()
    return loaded


def release() -> None:
    """Forget the pipeline that this thread holds; its memory is free once nobody else uses it."""
    _slot.__dict__.clear()


def _load(asset: Asset, device: torch.device, dtype: torch.dtype, prediction_type: str | None) -> LoadedPipeline:
    try:
        with quiet(), torch.random.fork_rng(devices=[]):
            if asset.path.is_file():
                pipe = load_single_file(asset.path, dtype, prediction_type)
            else:
                pipe = _folder(asset.path, dtype)
    except Exception as error:
        raise CytobenchError(
            f"{asset.source}: {asset.path} cannot be loaded as a Stable Diffusion pipeline: {error}. "
            f"It takes a folder as StableDiffusionPipeline.save_pretrained writes it, with safetensors, "
            f"or one .safetensors file of Stable Diffusion 2."
        ) from error
    pipe.set_progress_bar_config(disable=True)
    return LoadedPipeline(pipe.to(device), asset, device, dtype)


def _folder(path: Path, dtype: torch.dtype) -> Any:
    pipeline: Any = StableDiffusionPipeline
    return pipeline.from_pretrained(
        path,
        dtype=dtype,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        use_safetensors=True,
        local_files_only=True,
    )
