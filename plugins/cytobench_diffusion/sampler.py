"""Draw images from a pipeline, each from its own seed, adapters put on label by label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler, PNDMScheduler
from numpy.typing import NDArray

from cytobench.context import Context
from cytobench.contract import Ran, Request
from cytobench.errors import CytobenchError
from cytobench_diffusion.config import DiffusionSampleConfig
from cytobench_diffusion.pipeline import LoadedPipeline, release
from cytobench_diffusion.quiet import quiet

_SCHEDULERS: Mapping[str, Any] = {
    "ddim": DDIMScheduler,
    "dpmsolver++": DPMSolverMultistepScheduler,
    "euler": EulerDiscreteScheduler,
    "pndm": PNDMScheduler,
}
# Stable Diffusion runs PNDM without its Runge-Kutta warm-up; pipelines of other schedulers do not say so.
_OPTIONS: Mapping[str, Mapping[str, Any]] = {"pndm": {"skip_prk_steps": True}}
_NEGATIVE = ""


class DiffusionSampler:
    """Samples from the base model (``adapters`` None), or for each label with the adapter in its folder.

    The noise of an image comes from its request's seed alone, drawn on the CPU; other images in the batch can
    move the result only in its last bits.
    """

    def __init__(
        self,
        loaded: LoadedPipeline,
        adapters: Mapping[str, Path] | None,
        config: DiffusionSampleConfig,
        ran: Ran,
        ctx: Context,
    ) -> None:
        self.ran = ran
        self._loaded = loaded
        self._adapters = adapters
        self._config = config
        self._ctx = ctx
        scheduler = loaded.pipe.scheduler
        factory = type(scheduler) if config.scheduler is None else _SCHEDULERS[config.scheduler]
        with quiet():
            self._scheduler = factory.from_config(scheduler.config, **_OPTIONS.get(config.scheduler or "", {}))
        self._embedded: dict[tuple[str, str], tuple[torch.Tensor, torch.Tensor | None]] = {}

    def sample(self, todo: Sequence[Request]) -> Iterator[tuple[Request, NDArray[np.uint8]]]:
        """Yield each request with its image, RGB uint8 (height, width, 3), label by label."""
        by_label: dict[str, list[Request]] = {}
        for request in todo:
            by_label.setdefault(request.label, []).append(request)
        done = 0
        for label, requests in by_label.items():
            for start in range(0, len(requests), self._config.batch_size):
                batch = requests[start : start + self._config.batch_size]
                yield from zip(batch, self._draw(label, batch), strict=True)
                done += len(batch)
                self._ctx.progress(done, len(todo))

    def close(self) -> None:
        """Leave the pipeline as it was found, and let it go: what follows a sampling needs the device's memory."""
        self._loaded.clean()
        self._embedded.clear()
        release()

    @torch.no_grad()
    def _draw(self, label: str, batch: Sequence[Request]) -> NDArray[np.uint8]:
        self._ctx.check_stop()
        self._loaded.wear(self._adapter(label))
        pipe = self._loaded.pipe
        embedded = [self._embed(label, request.prompt) for request in batch]
        positive = torch.cat([positive for positive, _ in embedded])
        negative = [negative for _, negative in embedded if negative is not None]
        sources = [torch.Generator().manual_seed(request.seed) for request in batch]
        before, pipe.scheduler = pipe.scheduler, self._scheduler
        try:
            with quiet():
                images = pipe(
                    prompt_embeds=positive,
                    negative_prompt_embeds=torch.cat(negative) if negative else None,
                    latents=self._noise(sources),
                    generator=sources,  # for schedulers that add noise on the way
                    num_inference_steps=self._config.steps,
                    guidance_scale=self._config.guidance,
                    height=self.ran.resolution,
                    width=self.ran.resolution,
                    output_type="np",
                    callback_on_step_end=self._on_step,
                ).images
        finally:
            pipe.scheduler = before
        if not np.isfinite(images).all():
            raise CytobenchError(
                f"{self.ran.weights}: images of {label} are not numbers in {self._loaded.dtype}; "
                f"run with float32 or bfloat16."
            )
        pixels: NDArray[np.uint8] = (images * 255).round().astype(np.uint8)
        return pixels

    def _adapter(self, label: str) -> Path | None:
        if self._adapters is None:
            return None
        if label not in self._adapters:
            known = ", ".join(sorted(self._adapters))
            raise CytobenchError(f"sd21-lora: no adapter was tuned for {label}; there are: {known}.")
        return self._adapters[label]

    def _embed(self, label: str, prompt: str) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Embeddings of prompt and empty prompt; the label counts, since its adapter tunes the encoder."""
        if (label, prompt) not in self._embedded:
            with quiet():  # a prompt too long for the encoder is cut, as it was in training
                self._embedded[label, prompt] = self._loaded.pipe.encode_prompt(
                    prompt, self._loaded.device, 1, self._config.guidance > 1, _NEGATIVE
                )
        return self._embedded[label, prompt]

    def _noise(self, sources: Sequence[torch.Generator]) -> torch.Tensor:
        pipe, side = self._loaded.pipe, self.ran.resolution
        assert side is not None
        shape = (pipe.unet.config.in_channels, side // pipe.vae_scale_factor, side // pipe.vae_scale_factor)
        noise = torch.stack([torch.randn(shape, generator=source) for source in sources])
        return noise.to(self._loaded.device, self._loaded.dtype)

    def _on_step(self, _pipe: Any, _step: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        self._ctx.check_stop()
        return tensors
