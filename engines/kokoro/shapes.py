"""Kokoro's architecture with generated weights: what its files depend on. Making one needs torch (`shape.py`)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

WRITER_VERSION = 1


@dataclass(frozen=True)
class Shape:
    """Sizes of the parts: the text model's width, heads, inner width and depth; the prosody's and decoder's width."""

    bert_width: int
    bert_heads: int
    bert_inner: int
    bert_layers: int
    width: int
    layers: int
    generator_width: int
    style_width: int
    parameters: int
    """About how many there are."""


SHAPES: Mapping[str, Shape] = {
    "kokoro-82m": Shape(768, 12, 2048, 12, 512, 3, 512, 128, 82_000_000),
    "kokoro-reduced": Shape(64, 2, 128, 1, 512, 1, 64, 128, 40_000_000),
}
"""The published model's, and one of the same parts that computes faster. The decoder takes a width of 512 alone."""


def digest(shape: str) -> str:
    """Over all that the file depends on."""
    return hashlib.sha256(json.dumps([WRITER_VERSION, asdict(SHAPES[shape])]).encode()).hexdigest()


def file_bytes(shape: str) -> int:
    """About how large the ONNX file is."""
    return 4 * SHAPES[shape].parameters + 2_000_000
