"""The pocket text encoder, trained on captions alone to say which phrases its text holds.

As in Stable Diffusion it is trained before the denoiser and then left as it is. Trained together with the denoiser
from nothing, it had learnt to code the size of the cell and had lost everything else after 4,000 steps: a probe found
neither granules nor nucleus in its states.
"""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from cytobench_phantom.pretrain.tokenizer import tokenize
from cytobench_phantom.pretrain.training import TimeLimit, descend, mixed_precision
from cytobench_phantom.pretrain.wording import draw_prompts

log = logging.getLogger(__name__)

BATCH = 128
PEAK_RATE = 2e-3
WIDTH = 96
"""Width of the encoder's states."""
HELD_OUT = 512
"""The last captions, on which no step trains."""


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """An untrained text encoder for the tokenizer's vocabulary."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=tokenizer.model_max_length,
            projection_dim=WIDTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def train_text_encoder(
    captions: list[list[str]], tokenizer: CLIPTokenizer, seconds: float, seed: int
) -> CLIPTextModel:
    """Train for ``seconds`` so that a linear reading of each state from the end of the text on names its phrases.

    The denoiser averages over all 77 states, of which most lie behind the end of a text.
    """
    generator = torch.Generator().manual_seed(seed)
    model: Any = build_text_encoder(tokenizer)  # its methods carry no types
    phrases = sorted({phrase for texts in captions for text in texts for phrase in text.split(", ")})
    place = {phrase: number for number, phrase in enumerate(phrases)}
    reader = nn.Linear(WIDTH, len(phrases))
    parameters = [*model.parameters(), *reader.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=1e-2)
    shown = [texts[0] for texts in captions]

    def read(rows: list[int], named: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of the phrases at every state from the end of each text on, and what is true."""
        prompts = draw_prompts([[shown[row]] for row in rows], generator, named, named)
        tokens = tokenize(prompts, tokenizer)
        true = torch.zeros(len(rows), len(phrases))
        for number, (row, prompt) in enumerate(zip(rows, prompts, strict=True)):
            for phrase in shown[row].split(", ") if shown[row] in prompt else ():
                true[number, place[phrase]] = 1
        with mixed_precision():
            logits = reader(model(tokens).last_hidden_state).float()
        behind = (tokens == tokenizer.eos_token_id).cumsum(1) > 0
        return logits[behind], true[:, None].expand(-1, tokens.shape[1], -1)[behind]

    for step, share in TimeLimit(seconds, optimizer, PEAK_RATE):
        chosen = torch.randint(len(shown) - HELD_OUT, (BATCH,), generator=generator).tolist()
        loss = functional.binary_cross_entropy_with_logits(*read(chosen, 0.1))
        descend(loss, parameters, optimizer)
        if step % 100 == 0:
            log.info("text encoder step %d, %.0f %% of the time, loss %.4f", step, 100 * share, loss.item())
    with torch.no_grad():
        logits, true = read(list(range(len(shown) - HELD_OUT, len(shown))), 0.0)
    share = ((logits > 0) == (true > 0.5)).all(1).float().mean().item()
    log.info("text encoder: %d steps, all phrases right at %.1f %% of states", step + 1, 100 * share)
    trained: CLIPTextModel = model.eval()
    return trained
