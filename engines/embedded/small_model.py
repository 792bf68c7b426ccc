"""The small llama in torch, as functions over a dictionary of tensors with GGUF names. For training only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional

from engines.embedded.weights import HEAD_SIZE, NORM_EPSILON, ROPE_THETA, Dimensions

Tensors = Mapping[str, Any]


def initial_tensors(dimensions: Dimensions, vocabulary: int, seed: int) -> dict[str, Any]:
    """Random float32 tensors: matrices of standard deviation 1/sqrt(inputs), those that end a branch scaled down."""
    generator = torch.Generator().manual_seed(seed)
    d, kv, ff = dimensions.width, dimensions.kv_heads * HEAD_SIZE, dimensions.feed_forward

    def matrix(rows: int, columns: int, scale: float = 1.0) -> Any:
        return torch.randn(rows, columns, generator=generator) * scale / math.sqrt(columns)

    depth = 1 / math.sqrt(2 * dimensions.layers)
    tensors = {
        "token_embd.weight": matrix(vocabulary, d, 0.5 * math.sqrt(d)),
        "output_norm.weight": torch.ones(d),
        "output.weight": matrix(vocabulary, d, 0.5),
    }
    for layer in range(dimensions.layers):
        block = {
            "attn_norm": torch.ones(d),
            "attn_q": matrix(dimensions.heads * HEAD_SIZE, d),
            "attn_k": matrix(kv, d),
            "attn_v": matrix(kv, d),
            "attn_output": matrix(d, dimensions.heads * HEAD_SIZE, depth),
            "ffn_norm": torch.ones(d),
            "ffn_gate": matrix(ff, d),
            "ffn_up": matrix(ff, d),
            "ffn_down": matrix(d, ff, depth),
        }
        tensors |= {f"blk.{layer}.{name}.weight": tensor for name, tensor in block.items()}
    return tensors


def logits(tensors: Tensors, dimensions: Dimensions, tokens: Any) -> Any:
    """Next-token logits (batch, time, vocabulary) of `tokens` (batch, time)."""
    x = functional.embedding(tokens, tensors["token_embd.weight"])
    rotation = _rotation(tokens.shape[1])
    for layer in range(dimensions.layers):
        w = {name: tensors[f"blk.{layer}.{name}.weight"] for name in _BLOCK}
        x = x + _attention(_norm(x, w["attn_norm"]), w, rotation)
        h = _norm(x, w["ffn_norm"])
        x = x + functional.linear(
            functional.silu(functional.linear(h, w["ffn_gate"])) * functional.linear(h, w["ffn_up"]), w["ffn_down"]
        )
    return functional.linear(_norm(x, tensors["output_norm.weight"]), tensors["output.weight"])


_BLOCK = ("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down")


def _norm(x: Any, weight: Any) -> Any:
    return functional.rms_norm(x, (x.shape[-1],), weight, NORM_EPSILON)


def _rotation(time: int) -> tuple[Any, Any]:
    """Cosine and sine (time, HEAD_SIZE / 2) of the rotary embedding."""
    frequencies = ROPE_THETA ** (-torch.arange(0, HEAD_SIZE, 2) / HEAD_SIZE)
    angles = torch.arange(time)[:, None] * frequencies
    return angles.cos(), angles.sin()


def _rotate(x: Any, rotation: tuple[Any, Any]) -> Any:
    """Rotate neighbouring pairs (0, 1), (2, 3), …: the order that llama.cpp uses for this architecture."""
    cos, sin = (r.to(x.dtype) for r in rotation)
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


def _attention(x: Any, w: Tensors, rotation: tuple[Any, Any]) -> Any:
    q, k, v = (functional.linear(x, w[name]).unflatten(-1, (-1, HEAD_SIZE)).transpose(1, 2) for name in _BLOCK[1:4])
    y = functional.scaled_dot_product_attention(_rotate(q, rotation), _rotate(k, rotation), v, is_causal=True)
    return functional.linear(y.transpose(1, 2).flatten(-2), w["attn_output"])
