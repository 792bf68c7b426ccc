"""The trained weights as they ship: one file with dimensions, vocabulary and tensors under their GGUF names."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.embedded.tokenizer import Tokenizer
from engines.errors import ModelFileError

WEIGHTS_FILE = Path(__file__).with_name("language_model.xz")
HEAD_SIZE = 64
ROPE_THETA = 10000.0
NORM_EPSILON = 1e-5

F16 = NDArray[np.float16]


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
    return hashlib.sha256(_read()).hexdigest()


@lru_cache(maxsize=1)
def load_weights() -> Weights:
    """The shipped model. Raises ModelFileError when the installation is damaged."""
    try:
        arrays = np.load(io.BytesIO(lzma.decompress(_read())), allow_pickle=False)
        header = json.loads(arrays["header"].tobytes())
        tensors = {name: join_bytes(arrays[name], tuple(shape)) for name, shape in header["shapes"].items()}
    except (lzma.LZMAError, ValueError, KeyError, EOFError, OSError) as error:
        raise ModelFileError(
            f"the embedded model {WEIGHTS_FILE} is damaged: {error}", "reinstall the package"
        ) from error
    return Weights(Dimensions(**header["dimensions"]), Tokenizer(tuple(header["pieces"])), tensors, header["notes"])


def save_weights(weights: Weights, path: Path) -> None:
    """Write the file that `load_weights` reads. `tensors` should come from `shorten`, or the file is larger."""
    header = {
        "dimensions": vars(weights.dimensions),
        "pieces": weights.tokenizer.pieces,
        "notes": dict(weights.notes),
        "shapes": {name: tensor.shape for name, tensor in weights.tensors.items()},
    }
    arrays = {name: split_bytes(tensor) for name, tensor in weights.tensors.items()}
    plain = io.BytesIO()
    np.savez(plain, header=np.frombuffer(json.dumps(header).encode(), np.uint8), allow_pickle=False, **arrays)
    path.write_bytes(lzma.compress(plain.getvalue(), preset=9))


def shorten(values: NDArray[np.float32]) -> F16:
    """`values` as float16 with 7 of its 10 mantissa bits (rounded), which compress to two thirds of the size."""
    bits = values.astype(np.float16).view(np.uint16)
    return ((bits + np.uint16(4)) & np.uint16(0xFFF8)).view(np.float16)


def _read() -> bytes:
    try:
        return WEIGHTS_FILE.read_bytes()
    except OSError as error:
        raise ModelFileError(f"the embedded model is missing: {error}", "reinstall the package") from error


def split_bytes(tensor: F16) -> NDArray[np.uint8]:
    """The high bytes, then the low bytes: sign and exponent repeat and compress, the mantissa does not."""
    return np.ascontiguousarray(tensor.reshape(-1).view(np.uint8).reshape(-1, 2)[:, ::-1].T)


def join_bytes(planes: NDArray[np.uint8], shape: tuple[int, ...]) -> F16:
    """What `split_bytes` took apart, in `shape`."""
    return np.ascontiguousarray(planes.T[:, ::-1]).reshape(-1).view(np.float16).reshape(shape)
