"""The classifier ``clip``: image features against the features of the class prompts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn

from cytobench.context import Context
from cytobench.contract import Checkpoints, Predictor, Ran
from cytobench.errors import UserError
from cytobench.images import Images
from cytobench_openclip.attention import split_attention
from cytobench_openclip.config import ClipConfig
from cytobench_openclip.model import LoadedClip, load_clip
from cytobench_torch.checkpoint import load_checkpoint, read_description
from cytobench_torch.loop import train_classifier
from cytobench_torch.predict import TorchPredictor
from cytobench_torch.seeding import seeded


class PromptedClip(nn.Module):
    """Logits of images (n, 3, r, r) for classes given by tokens (classes, length): scaled cosine similarity.

    In training the text features are computed once a batch, since the text tower learns too; otherwise once
    for all batches, until the mode is set again.
    """

    def __init__(self, clip: nn.Module, tokens: Tensor) -> None:
        super().__init__()
        self.clip: Any = clip
        self.register_buffer("tokens", tokens, persistent=False)
        self._text: Tensor | None = None

    def train(self, mode: bool = True) -> PromptedClip:
        """Set the mode, and forget the text features."""
        self._text = None
        super().train(mode)
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Logits, (n, classes)."""
        seen = self.clip.encode_image(images, normalize=True)
        logits: Tensor = self.clip.logit_scale.exp() * seen @ self._read().T
        return logits

    def _read(self) -> Tensor:
        if self.training:
            return self._encode()
        if self._text is None:
            self._text = self._encode()
        return self._text

    def _encode(self) -> Tensor:
        features: Tensor = self.clip.encode_text(self.tokens, normalize=True)
        return features


class ClipClassifier:
    """CLIP with LoRA on q and v of every attention block of both towers; nothing else is trained."""

    def __init__(self, config: ClipConfig) -> None:
        self.config = config

    def fit(self, train: Images, val: Images, ctx: Context) -> Checkpoints:
        """Train the adapters; leaves the picked and the last checkpoint, with the prompts, in ``ctx.out``."""
        prompts = [train.prompts[label] for label in train.labels]
        with seeded(ctx.seed, ctx.device):
            with ctx.time("load"):
                loaded = self._load(ctx)
                _report_cuts(loaded, train.labels, prompts, ctx)
                model = self._adapt(loaded, prompts)
            return train_classifier(
                model,
                train,
                val,
                self.config,
                ctx,
                loaded.normalise,
                only_trainable=True,
                about={"prompts": prompts},
            )

    def open(self, checkpoint: Path, ctx: Context) -> Predictor:
        """Open one checkpoint; the prompts are those it was trained with."""
        described = read_description(checkpoint)
        with ctx.time("load"), seeded(ctx.seed, ctx.device):
            loaded = self._load(ctx)
            model = self._adapt(loaded, described["prompts"])
            load_checkpoint(model, checkpoint, only_trainable=True)
            model.to(ctx.device).eval()
        weights = ctx.assets["weights"]
        ran = Ran(
            weights=f"{weights.source}@{weights.digest[:12]}",
            architecture=f"{loaded.architecture} + LoRA r{self.config.rank}",
            resolution=loaded.resolution,
        )
        labels = tuple(described["labels"])
        return TorchPredictor(model, labels, loaded.resolution, loaded.normalise, ctx, ran)

    def _load(self, ctx: Context) -> LoadedClip:
        loaded = load_clip(self.config.model, ctx.assets["weights"])
        if loaded.resolution != self.config.resolution:
            raise UserError(
                f"clip.resolution is {self.config.resolution}, but {loaded.architecture} takes images of "
                f"{loaded.resolution} px; set clip.resolution={loaded.resolution}"
            )
        return loaded

    def _adapt(self, loaded: LoadedClip, prompts: Sequence[str]) -> PromptedClip:
        config, clip = self.config, loaded.model
        clip.requires_grad_(False)
        image_blocks = split_attention(clip.get_submodule("visual"))
        text_blocks = split_attention(clip)
        if not image_blocks or not text_blocks:
            tower = "text" if image_blocks else "image"
            raise UserError(f"clip.model {config.model}: its {tower} tower has no attention to put LoRA on")
        lora = LoraConfig(
            r=config.rank,
            lora_alpha=config.alpha,
            lora_dropout=config.dropout,
            target_modules=["q_proj", "v_proj"],
        )
        return PromptedClip(inject_adapter_in_model(lora, clip), loaded.tokenizer(list(prompts)))


def _report_cuts(loaded: LoadedClip, labels: Sequence[str], prompts: Sequence[str], ctx: Context) -> None:
    counts = {label: loaded.count_tokens(prompt) for label, prompt in zip(labels, prompts, strict=True)}
    cut = {label: count for label, count in counts.items() if count > loaded.context_length}
    if cut:
        listed = ", ".join(f"{label} ({count})" for label, count in cut.items())
        ctx.logger.warning("clip sees %d tokens of a prompt; cut: %s", loaded.context_length, listed)
