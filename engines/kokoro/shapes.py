"""Kokoro's architecture with generated weights: what its files depend on. Making one needs torch (`shape.py`)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

WRITER_VERSION = 1
STYLE_WIDTH = 128
"""Of the decoder's half of a style; the prosody has as much."""


@dataclass(frozen=True)
class Shape:
    """What can differ: the text model's width, heads, inner width, depth; the encoders' depth; the vocoder's kernels.

    The decoder takes a width of 512 and no other.
    """

    bert_width: int
    bert_heads: int
    bert_inner: int
    bert_layers: int
    layers: int
    kernels: tuple[int, ...]
    parameters: int
    """About how many there are."""


SHAPES: Mapping[str, Shape] = {
    "kokoro-82m": Shape(768, 12, 2048, 12, 3, (3, 7, 11), 82_000_000),
    "kokoro-reduced": Shape(64, 2, 128, 1, 1, (3,), 59_000_000),
}
"""The published model's, and one of the same parts that computes faster."""


def digest(shape: str) -> str:
    """Over all that the file depends on."""
    return hashlib.sha256(json.dumps([WRITER_VERSION, asdict(SHAPES[shape])]).encode()).hexdigest()


def file_bytes(shape: str) -> int:
    """About how large the ONNX file is."""
    return 4 * SHAPES[shape].parameters + 2_000_000
