"""Attention by its definition, in place of the fused operations."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Operation = Any

FUSED: frozenset[Operation] = frozenset(
    {
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default,
        torch.ops.aten._scaled_dot_product_flash_attention.default,
        torch.ops.aten._scaled_dot_product_efficient_attention.default,
        torch.ops.aten._scaled_dot_product_cudnn_attention.default,
        torch.ops.aten._scaled_dot_product_fused_attention_overrideable.default,
    }
)
"""What F.scaled_dot_product_attention may become, by device and settings, if not its parts"""


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(scale * query @ key^T + mask) @ value, as F.scaled_dot_product_attention defines it."""
    if enable_gqa:
        key, value = (t.repeat_interleave(query.shape[-3] // t.shape[-3], -3) for t in (key, value))
    scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        scores = scores.masked_fill(~seen, -math.inf)
    if attn_mask is not None:
        is_seen = attn_mask.dtype == torch.bool
        scores = scores.masked_fill(~attn_mask, -math.inf) if is_seen else scores + attn_mask
    shares = torch.softmax(scores, -1)
    return (F.dropout(shares, dropout_p) if dropout_p else shares) @ value


def unfused(function: Operation, *args: Any, **kwargs: Any) -> list[Any]:
    """The output of one of `FUSED`, with empty values for what only gradients need."""
    schema = function._schema
    given = dict(zip((argument.name for argument in schema.arguments), args, strict=False)) | kwargs
    mask = given.get("attn_mask", given.get("attn_bias"))
    settings = {name: given[name] for name in ("dropout_p", "is_causal", "scale") if name in given}
    output = attention(given["query"], given["key"], given["value"], mask, **settings)
    unused = [output.new_zeros(0) if str(r.type) == "Tensor" else 0 for r in schema.returns[1:]]
    return [output, *unused]
