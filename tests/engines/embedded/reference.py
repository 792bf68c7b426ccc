"""The small llama in numpy and float64, written from the definition: what the GGUF file must compute."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.embedded.weights import HEAD_SIZE, NORM_EPSILON, ROPE_THETA, Weights

Array = NDArray[np.float64]


def small_logits(weights: Weights, tokens: list[int]) -> Array:
    """Logits (time, vocabulary) of `tokens`."""
    w = {name: tensor.astype(np.float64) for name, tensor in weights.tensors.items()}
    x = w["token_embd.weight"][tokens]
    for layer in range(weights.dimensions.layers):
        b = {n.split(".")[2]: t for n, t in w.items() if n.startswith(f"blk.{layer}.")}
        h = _norm(x, b["attn_norm"])
        q, k, v = (h @ b[name].T for name in ("attn_q", "attn_k", "attn_v"))
        heads = [_head(q, k, v, slice(i, i + HEAD_SIZE)) for i in range(0, q.shape[1], HEAD_SIZE)]
        x = x + np.concatenate(heads, axis=1) @ b["attn_output"].T
        h = _norm(x, b["ffn_norm"])
        gate = h @ b["ffn_gate"].T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ b["ffn_up"].T)) @ b["ffn_down"].T
    return _norm(x, w["output_norm.weight"]) @ w["output.weight"].T


def log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _norm(x: Array, weight: Array) -> Array:
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + NORM_EPSILON) * weight


def _head(q: Array, k: Array, v: Array, part: slice) -> Array:
    scores = _rotate(q[:, part]) @ _rotate(k[:, part]).T / np.sqrt(HEAD_SIZE)
    scores[np.triu_indices(len(scores), 1)] = -np.inf
    return np.exp(log_softmax(scores)) @ v[:, part]


def _rotate(x: Array) -> Array:
    angles = np.arange(len(x))[:, None] * ROPE_THETA ** (-np.arange(0, HEAD_SIZE, 2) / HEAD_SIZE)
    turned = (x[:, 0::2] + 1j * x[:, 1::2]) * np.exp(1j * angles)
    return np.stack((turned.real, turned.imag), axis=-1).reshape(x.shape)
