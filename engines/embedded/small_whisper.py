"""The small speech model as a function of its tensors, in torch: the computation that whisper.cpp does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional

from engines.embedded.whisper_tensors import HEAD_SIZE, WhisperSize, sines, tensor_shapes


def initial_tensors(size: WhisperSize, rows: int, seed: int) -> dict[str, Any]:
    """Fresh tensors, float32: norms of one, sines for the audio's positions, small random weights."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, shape in tensor_shapes(size, rows).items():
        if name == "encoder.positional_embedding":
            tensors[name] = torch.from_numpy(sines(*shape))
        elif name.endswith("bias"):
            tensors[name] = torch.zeros(shape)
        elif "ln" in name.split(".")[-2]:
            tensors[name] = torch.ones(shape)
        else:
            fan_in = math.prod(shape[1:])
            spread = 0.02 if "embedding" in name else 1 / math.sqrt(fan_in)
            tensors[name] = torch.randn(shape, generator=generator) * spread
    return tensors


def encode(tensors: Mapping[str, Any], size: WhisperSize, mel: Any) -> Any:
    """(batch, frames / 2, width) from a log-mel spectrogram (batch, MEL_BANDS, frames), frames even."""
    x = _gelu(
        functional.conv1d(mel, tensors["encoder.conv1.weight"], tensors["encoder.conv1.bias"].flatten(), padding=1)
    )
    x = _gelu(functional.conv1d(x, tensors["encoder.conv2.weight"], tensors["encoder.conv2.bias"].flatten(), 2, 1))
    x = x.transpose(1, 2)
    x = x + tensors["encoder.positional_embedding"][: x.shape[1]]
    for layer in range(size.layers):
        prefix = f"encoder.blocks.{layer}"
        normed = _norm(tensors, f"{prefix}.attn_ln", x)
        x = x + _attend(tensors, f"{prefix}.attn", size, normed, normed, causal=False)
        x = x + _mlp(tensors, prefix, x)
    return _norm(tensors, "encoder.ln_post", x)


def decode(
    tensors: Mapping[str, Any], size: WhisperSize, tokens: Any, audio: Any, attended: list[Any] | None = None
) -> Any:
    """Logits (batch, length, rows) of the next token after each of `tokens` (batch, length).

    `attended` receives where the first head of each inner layer looks in the audio: (batch, length, positions).
    """
    x = tensors["decoder.token_embedding.weight"][tokens]
    x = x + tensors["decoder.positional_embedding"][: tokens.shape[1]]
    for layer in range(size.layers):
        prefix = f"decoder.blocks.{layer}"
        normed = _norm(tensors, f"{prefix}.attn_ln", x)
        x = x + _attend(tensors, f"{prefix}.attn", size, normed, normed, causal=True)
        normed = _norm(tensors, f"{prefix}.cross_attn_ln", x)
        if attended is not None and 0 < layer < size.layers - 1:
            attended.append(_first_head(tensors, f"{prefix}.cross_attn", normed, audio))
        x = x + _attend(tensors, f"{prefix}.cross_attn", size, normed, audio, causal=False)
        x = x + _mlp(tensors, prefix, x)
    return _norm(tensors, "decoder.ln", x) @ tensors["decoder.token_embedding.weight"].T


def _attend(tensors: Mapping[str, Any], prefix: str, size: WhisperSize, x: Any, source: Any, causal: bool) -> Any:
    def heads(part: str, of: Any) -> Any:
        projected = functional.linear(of, tensors[f"{prefix}.{part}.weight"], tensors.get(f"{prefix}.{part}.bias"))
        return projected.unflatten(-1, (size.heads, HEAD_SIZE)).transpose(1, 2)

    mixed = functional.scaled_dot_product_attention(
        heads("query", x), heads("key", source), heads("value", source), is_causal=causal
    )
    joined = mixed.transpose(1, 2).flatten(-2)
    return functional.linear(joined, tensors[f"{prefix}.out.weight"], tensors[f"{prefix}.out.bias"])


def _first_head(tensors: Mapping[str, Any], prefix: str, x: Any, source: Any) -> Any:
    """The attention of the first head, which sums to one over `source`."""
    query = functional.linear(
        x, tensors[f"{prefix}.query.weight"][:HEAD_SIZE], tensors[f"{prefix}.query.bias"][:HEAD_SIZE]
    )
    key = functional.linear(source, tensors[f"{prefix}.key.weight"][:HEAD_SIZE])
    return torch.softmax((query @ key.transpose(1, 2)).float() / math.sqrt(HEAD_SIZE), dim=-1)


def _mlp(tensors: Mapping[str, Any], prefix: str, x: Any) -> Any:
    x = _norm(tensors, f"{prefix}.mlp_ln", x)
    x = _gelu(functional.linear(x, tensors[f"{prefix}.mlp.0.weight"], tensors[f"{prefix}.mlp.0.bias"]))
    return functional.linear(x, tensors[f"{prefix}.mlp.2.weight"], tensors[f"{prefix}.mlp.2.bias"])


def _norm(tensors: Mapping[str, Any], prefix: str, x: Any) -> Any:
    weight = tensors[f"{prefix}.weight"]
    return functional.layer_norm(x, weight.shape, weight, tensors[f"{prefix}.bias"])


def _gelu(x: Any) -> Any:
    return functional.gelu(x, approximate="tanh")
