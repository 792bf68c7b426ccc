"""True shapes, and how the small trained model is laid into one so that it computes the same.

The residual stream of the large model is the small one's followed by zeros. Whatever writes to the stream
(`token_embd`, `attn_output`, `ffn_down`) is zero for the new coordinates, and zero for everything in a layer that the
small model lacks; what reads from it has small random entries there, so that no work can be skipped. RMSNorm divides
by the root mean square over all coordinates, which the zeros lower by sqrt(small/large): the norm weights and the
epsilon make up for it. Small query head j becomes query head j × (heads / kv_heads), so that each small head keeps a
key-value head of its own in grouped-query shapes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.embedded.weight_file import F16
from engines.embedded.weights import HEAD_SIZE, NORM_EPSILON, Dimensions, Weights

Tensor = F16 | NDArray[np.float32]

_FILL_SEED = 20260101
_FILL_VALUES = 1 << 20
_FILL_SCALE = 0.02


@dataclass(frozen=True)
class Shape:
    """The size of a published model, which sets memory, load time and speed; `like` names it ("" for none).

    Only the vocabulary differs: it is the embedded model's own (1024 tokens), so that the output head is far smaller
    than the published one. Speeds are therefore higher than the published model's, most of all in small shapes.
    """

    dimensions: Dimensions
    like: str


SHAPES: dict[str, Shape] = {
    "small": Shape(Dimensions(256, 4, 4, 4, 768), ""),
    "narrow-76m": Shape(Dimensions(512, 24, 8, 4, 1536), ""),
    "llama-160m": Shape(Dimensions(768, 12, 12, 12, 3072), "JackFram/llama-160m"),
    "tinyllama-1.1b": Shape(Dimensions(2048, 22, 32, 4, 5632), "TinyLlama/TinyLlama-1.1B"),
    "llama-3.2-1b": Shape(Dimensions(2048, 16, 32, 8, 8192), "meta-llama/Llama-3.2-1B"),
}
"""`small` is the trained model itself, for tests; `narrow-76m` has many small layers, where threads wait more."""


def norm_epsilon(small: Dimensions, large: Dimensions) -> float:
    """The epsilon that has the effect of the small model's, given that the mean square is lower."""
    return NORM_EPSILON * small.width / large.width


def tensor_shapes(large: Dimensions, vocabulary: int) -> dict[str, tuple[int, ...]]:
    """The tensors of a llama by GGUF name, with row-major shapes, in file order."""
    d, q, kv, ff = large.width, large.heads * HEAD_SIZE, large.kv_heads * HEAD_SIZE, large.feed_forward
    block = {
        "attn_norm": (d,), "attn_q": (q, d), "attn_k": (kv, d), "attn_v": (kv, d), "attn_output": (d, q),
        "ffn_norm": (d,), "ffn_gate": (ff, d), "ffn_up": (ff, d), "ffn_down": (d, ff),
    }  # fmt: skip
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (vocabulary, d)}
    for layer in range(large.layers):
        shapes |= {f"blk.{layer}.{name}.weight": shape for name, shape in block.items()}
    return shapes | {"output_norm.weight": (d,), "output.weight": (vocabulary, d)}


def tensor_type(shape: tuple[int, ...]) -> np.dtype[np.float16] | np.dtype[np.float32]:
    """Norms are float32, as llama.cpp demands; matrices float16."""
    return np.dtype(np.float32) if len(shape) == 1 else np.dtype(np.float16)


def embed(weights: Weights, large: Dimensions) -> Iterator[tuple[str, Tensor]]:
    """The tensors of `weights` inside a model of size `large`, in the order of `tensor_shapes`, one at a time.

    Raises ValueError when the large model has no room for the small one.
    """
    small = weights.dimensions
    _check_room(small, large)
    fill = _Fill()
    heads = [j * (large.heads // large.kv_heads) for j in range(small.heads)]
    places = {"attn_q": _head_rows(heads), "attn_output": _head_rows(heads)}
    scale = math.sqrt(small.width / large.width)
    for name, shape in tensor_shapes(large, weights.tokenizer.size).items():
        source = weights.tensors.get(name)
        kind = name.split(".")[-2]
        if len(shape) == 1:
            norm = np.ones(shape, tensor_type(shape))
            if source is not None:
                norm[: source.size] = source.astype(np.float32) * np.float32(scale)
            yield name, norm
            continue
        writes = kind in ("token_embd", "attn_output", "ffn_down")
        tensor = np.zeros(shape, np.float16) if writes else fill(shape)
        if source is not None:
            place = places.get(kind, slice(0, source.shape[1 if kind == "ffn_down" else 0]))
            if kind in ("attn_output", "ffn_down"):
                tensor[: source.shape[0], place] = source
            else:
                tensor[place, : source.shape[1]] = source
        yield name, tensor


class _Fill:
    """Small random numbers, the same in each run: one pool read at a place that moves on, because drawing is slow."""

    def __init__(self) -> None:
        pool = np.random.Generator(np.random.PCG64(_FILL_SEED)).random(_FILL_VALUES, np.float32)
        self._pool = ((pool - 0.5) * (2 * _FILL_SCALE)).astype(np.float16)
        self._at = 0

    def __call__(self, shape: tuple[int, ...]) -> F16:
        count = math.prod(shape)
        start, self._at = self._at, (self._at + 7919 * 32) % _FILL_VALUES
        tensor = np.empty(count, np.float16)
        done = 0
        while done < count:
            chunk = self._pool[start : start + count - done]
            tensor[done : done + chunk.size] = chunk
            done, start = done + chunk.size, 0
        return tensor.reshape(shape)


def _head_rows(heads: list[int]) -> NDArray[np.intp]:
    """The rows of the given heads, in order."""
    return np.concatenate([np.arange(head * HEAD_SIZE, (head + 1) * HEAD_SIZE) for head in heads])


def _check_room(small: Dimensions, large: Dimensions) -> None:
    fits = (
        large.width >= small.width
        and large.layers >= small.layers
        and large.kv_heads >= small.kv_heads
        and large.heads % large.kv_heads == 0
        and large.feed_forward >= small.feed_forward
    )
    if not fits or small.heads != small.kv_heads:
        raise ValueError(f"{small} does not fit into {large}")
