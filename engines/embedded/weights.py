"""The trained weights as they ship: one file with dimensions, vocabulary and tensors under their GGUF names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from engines.embedded.tokenizer import Tokenizer
from engines.embedded.weight_file import F16, read_bytes, read_weight_file, write_weight_file

WEIGHTS_FILE = Path(__file__).with_name("language_model.xz")
HEAD_SIZE = 64
ROPE_THETA = 10000.0
NORM_EPSILON = 1e-5


@dataclass(frozen=True)
class Dimensions:
    """The size of a llama: embedding width, layers, query heads, key-value heads, feed-forward width."""

    width: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int


@dataclass(frozen=True)
class Weights:
    """The trained model. `tensors` are row-major (outputs, inputs) or (width,); `notes` say how it was trained."""

    dimensions: Dimensions
    tokenizer: Tokenizer
    tensors: Mapping[str, F16]
    notes: Mapping[str, Any]


def weights_digest() -> str:
    """SHA-256 of the shipped file."""
    return hashlib.sha256(read_bytes(WEIGHTS_FILE)).hexdigest()


@lru_cache(maxsize=1)
def load_weights() -> Weights:
    """The shipped model. Raises ModelFileError when the installation is damaged."""
    header, tensors = read_weight_file(WEIGHTS_FILE)
    return Weights(Dimensions(**header["dimensions"]), Tokenizer(tuple(header["pieces"])), tensors, header["notes"])


def save_weights(weights: Weights, path: Path) -> None:
    """Write the file that `load_weights` reads."""
    about = {
        "dimensions": vars(weights.dimensions),
        "pieces": weights.tokenizer.pieces,
        "notes": dict(weights.notes),
    }
    write_weight_file(path, about, weights.tensors)
