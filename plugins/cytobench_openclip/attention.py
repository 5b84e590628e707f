"""Attention with separate projections, so that LoRA can sit on q and v alone."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class SplitAttention(nn.Module):
    """Self-attention that computes what ``nn.MultiheadAttention`` does, with q, k, v and out as ``Linear``.

    ``nn.MultiheadAttention`` fuses q, k and v in one weight, and peft would adapt all three together.
    """

    def __init__(self, fused: nn.MultiheadAttention) -> None:
        super().__init__()
        if fused.in_proj_weight is None or fused.bias_k is not None or fused.add_zero_attn or fused.dropout:
            raise ValueError("only plain self-attention can be split")
        self.heads = fused.num_heads
        self.batch_first = fused.batch_first
        biases = fused.in_proj_bias.chunk(3) if fused.in_proj_bias is not None else (None, None, None)
        weights = fused.in_proj_weight.chunk(3)
        self.q_proj, self.k_proj, self.v_proj = map(_linear, weights, biases)
        self.out_proj = _linear(fused.out_proj.weight, fused.out_proj.bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        need_weights: bool = False,
        attn_mask: Tensor | None = None,
    ) -> tuple[Tensor, None]:
        """Inputs (n, length, width), or (length, n, width) unless ``batch_first``; ``attn_mask`` is added."""
        if need_weights:
            raise ValueError("attention weights are not kept")
        if not self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        q, k, v = (
            projected.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projected in (self.q_proj(query), self.k_proj(key), self.v_proj(value))
        )
        if attn_mask is not None:
            attn_mask = attn_mask.to(q.dtype)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=attn_mask)
        out = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return (out if self.batch_first else out.transpose(0, 1)), None


def split_attention(model: nn.Module) -> int:
    """Replace every ``nn.MultiheadAttention`` inside a module, in place; return how many."""
    fused = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.MultiheadAttention)
    ]
    for parent, name, child in fused:
        setattr(parent, name, SplitAttention(child))
    return len(fused)


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    # On the meta device no random numbers are drawn for values that are replaced at once.
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    linear.weight = nn.Parameter(weight.detach().clone())
    if bias is not None:
        linear.bias = nn.Parameter(bias.detach().clone())
    return linear
