"""The tensors of a whisper: names and shapes of ggml files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.embedded.log_mel import MEL_BANDS

HEAD_SIZE = 64
AUDIO_CONTEXT = 1500
TEXT_CONTEXT = 448


@dataclass(frozen=True)
class WhisperSize:
    """Width, and layers of the encoder and of the decoder."""

    width: int
    layers: int

    @property
    def heads(self) -> int:
        """Heads of 64 dimensions."""
        return self.width // HEAD_SIZE


def tensor_shapes(size: WhisperSize, rows: int) -> dict[str, tuple[int, ...]]:
    """The tensors by their names in ggml files, row-major, with `rows` tokens."""
    d = size.width
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.positional_embedding": (AUDIO_CONTEXT, d),
        "encoder.conv1.weight": (d, MEL_BANDS, 3),
        "encoder.conv1.bias": (d, 1),
        "encoder.conv2.weight": (d, d, 3),
        "encoder.conv2.bias": (d, 1),
        "encoder.ln_post.weight": (d,),
        "encoder.ln_post.bias": (d,),
    }
    for layer in range(size.layers):
        shapes |= _block(f"encoder.blocks.{layer}", d, ("attn",))
    shapes |= {
        "decoder.positional_embedding": (TEXT_CONTEXT, d),
        "decoder.token_embedding.weight": (rows, d),
        "decoder.ln.weight": (d,),
        "decoder.ln.bias": (d,),
    }
    for layer in range(size.layers):
        shapes |= _block(f"decoder.blocks.{layer}", d, ("attn", "cross_attn"))
    return shapes


def _block(prefix: str, d: int, attentions: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for attention in attentions:
        shapes |= {f"{prefix}.{attention}_ln.weight": (d,), f"{prefix}.{attention}_ln.bias": (d,)}
        for part in ("query", "key", "value", "out"):
            shapes[f"{prefix}.{attention}.{part}.weight"] = (d, d)
            if part != "key":
                shapes[f"{prefix}.{attention}.{part}.bias"] = (d,)
    shapes |= {f"{prefix}.mlp_ln.weight": (d,), f"{prefix}.mlp_ln.bias": (d,)}
    shapes |= {f"{prefix}.mlp.0.weight": (4 * d, d), f"{prefix}.mlp.0.bias": (4 * d,)}
    return shapes | {f"{prefix}.mlp.2.weight": (d, 4 * d), f"{prefix}.mlp.2.bias": (d,)}


def sines(length: int, width: int) -> NDArray[np.float32]:
    """Whisper's fixed positions: sines, then cosines, of wavelengths from 2π to 20000π."""
    rates = np.exp(-np.log(10000) / (width // 2 - 1) * np.arange(width // 2))
    angles = np.arange(length)[:, None] * rates[None, :]
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)
