"""Give the small model the uneven channels of a large one, without changing what it computes.

Large language models have channels whose weights and activations are far larger than their neighbours'. A block of
quantized weights shares one scale, so that such channels take precision from the others: most of what quantization
costs comes from there. A model as small as the embedded one has none, and would lose next to nothing in 4 bits. Here
each channel that two tensors share is multiplied in the one and divided in the other by a power of two, which float16
holds exactly. How uneven is chosen so that the divergence of the quantized variants is about the published one of
Llama 3 8B (llama.cpp, tools/perplexity/README.md); MODEL_CARD.md has both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.embedded.weight_file import F16
from engines.embedded.weights import HEAD_SIZE, Weights

OCTAVES = 1.0
"""Standard deviation of the channels' base-2 logarithms."""
_SEED = 20260102


def with_outliers(weights: Weights, octaves: float = OCTAVES) -> Weights:
    """The same function with uneven channels; the same for the same weights."""
    rng = np.random.Generator(np.random.PCG64(_SEED))

    def scales(count: int) -> NDArray[np.float32]:
        # A normal variate from uniform ones: their bits are the same in every release of numpy.
        normal = (rng.random((12, count)).sum(axis=0) - 6) * octaves
        powers: NDArray[np.float32] = np.ldexp(np.ones(count, np.float32), np.round(normal).astype(np.int32))
        return powers

    tensors = dict(weights.tensors)

    def move(source: str, readers: tuple[str, ...], scale: NDArray[np.float32]) -> None:
        """Divide the outputs of `source` by `scale` and multiply the inputs of `readers`."""
        old = tensors[source]
        tensors[source] = _float16(old / (scale if old.ndim == 1 else scale[:, None]))
        for reader in readers:
            tensors[reader] = _float16(tensors[reader] * scale)

    small = weights.dimensions
    for layer in range(small.layers):
        norm_1, q, k, v, output, norm_2, gate, up, down = (
            f"blk.{layer}.{name}.weight"
            for name in (
                *("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output"),
                *("ffn_norm", "ffn_gate", "ffn_up", "ffn_down"),
            )
        )
        move(norm_1, (q, k, v), scales(small.width))
        move(norm_2, (gate, up), scales(small.width))
        move(v, (output,), scales(small.heads * HEAD_SIZE))
        move(up, (down,), scales(small.feed_forward))
    move("output_norm.weight", ("output.weight",), scales(small.width))
    return Weights(weights.dimensions, weights.tokenizer, tensors, weights.notes)


def _float16(values: NDArray[np.floating]) -> F16:
    return values.astype(np.float16)
