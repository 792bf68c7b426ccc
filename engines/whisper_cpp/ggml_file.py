"""The ggml files of whisper.cpp: header, mel filters, vocabulary, tensors; read without loading, written in order."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from engines.errors import ModelFileError

if TYPE_CHECKING:
    import numpy as np

MAGIC = 0x67676D6C
QUANTIZATION_VERSION = 2000
"""The file type of a quantized file is its number plus this (GGML_QNT_VERSION × GGML_QNT_VERSION_FACTOR)."""
FILE_TYPES: Mapping[str, int] = {
    "F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q3_K": 11, "Q4_K": 12,
    "Q5_K": 13, "Q6_K": 14,
}  # fmt: skip
"""GGML_FTYPE_* numbers of ggml.h."""
TENSOR_TYPES: Mapping[str, int] = {
    "F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q5_0": 6, "Q5_1": 7, "Q8_0": 8, "Q2_K": 10, "Q3_K": 11, "Q4_K": 12,
    "Q5_K": 13, "Q6_K": 14,
}  # fmt: skip
"""GGML_TYPE_* numbers of ggml.h."""
_BLOCKS: Mapping[str, tuple[int, int]] = {
    "F32": (1, 4), "F16": (1, 2), "Q4_0": (32, 18), "Q4_1": (32, 20), "Q5_0": (32, 22), "Q5_1": (32, 24),
    "Q8_0": (32, 34), "Q2_K": (256, 84), "Q3_K": (256, 110), "Q4_K": (256, 144), "Q5_K": (256, 176),
    "Q6_K": (256, 210),
}  # fmt: skip
"""Weights in a block, and its bytes."""
_TYPE_NAMES = {number: name for name, number in TENSOR_TYPES.items()}
_FILE_TYPE_NAMES = {number: name for name, number in FILE_TYPES.items()}
_MOST_VOCABULARY, _MOST_WIDTH, _MOST_LAYERS = 1 << 20, 1 << 16, 1 << 10
_MOST_DIMENSIONS = 4
_HINT = "use a ggml file of whisper.cpp, such as ggml-base.en.bin"


@dataclass(frozen=True)
class Hyperparameters:
    """The numbers at the beginning of the file, in their order there."""

    n_vocab: int
    n_audio_ctx: int
    n_audio_state: int
    n_audio_head: int
    n_audio_layer: int
    n_text_ctx: int
    n_text_state: int
    n_text_head: int
    n_text_layer: int
    n_mels: int
    ftype: int


@dataclass(frozen=True)
class TensorInfo:
    """A tensor in a file: row-major shape, type by name, where its data begins, and how many bytes they are."""

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    size_bytes: int


@dataclass(frozen=True)
class GgmlHeader:
    """All of a file but the weights. Bytes from 0 to `tensors_at` are magic, numbers, filters and vocabulary."""

    path: Path
    size_bytes: int
    numbers: Hyperparameters
    tensors_at: int
    tensors: tuple[TensorInfo, ...]

    @property
    def quantization(self) -> str:
        """The file's own word for its precision."""
        return _FILE_TYPE_NAMES[self.numbers.ftype % 1000]

    @property
    def multilingual(self) -> bool:
        """Whether the vocabulary has languages, as whisper.cpp tells it."""
        return self.numbers.n_vocab >= 51865


def tensor_bytes(shape: tuple[int, ...], kind: str) -> int:
    """Bytes of a tensor of row-major `shape`. Raises ValueError when its rows are no whole blocks."""
    weights, size = _BLOCKS[kind]
    if shape[-1] % weights:
        raise ValueError(f"rows of {shape[-1]} do not fit blocks of {weights}")
    return math.prod(shape) // weights * size


def read_header(path: Path) -> GgmlHeader:
    """The header of a file, every tensor's place checked against the file's length. Raises ModelFileError."""
    try:
        size_bytes = path.stat().st_size
        with path.open("rb") as file:
            return _read(file, path, size_bytes)
    except FileNotFoundError as error:
        raise ModelFileError(f"there is no model file {path}", "check the path") from error
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror}", _HINT) from error


def _read(file: IO[bytes], path: Path, size_bytes: int) -> GgmlHeader:
    reader = _Reader(file, path, size_bytes)
    reader.check_magic()
    numbers = Hyperparameters(*reader.ints(11))
    _check_numbers(numbers, path)
    mels, bins = reader.ints(2)
    reader.check(mels == numbers.n_mels and 0 < bins < 1 << 16, f"mel filters of {mels} × {bins}")
    reader.skip(4 * mels * bins)
    (pieces,) = reader.ints(1)
    reader.check(0 < pieces <= numbers.n_vocab, f"a vocabulary of {pieces} pieces")
    for _ in range(pieces):
        reader.skip(reader.ints(1)[0])
    tensors_at, tensors = reader.at, []
    while reader.at < size_bytes:
        tensors.append(reader.tensor())
    reader.check(bool(tensors), "no tensors")
    return GgmlHeader(path, size_bytes, numbers, tensors_at, tuple(tensors))


def _check_numbers(numbers: Hyperparameters, path: Path) -> None:
    limits = {
        "n_vocab": _MOST_VOCABULARY, "n_audio_ctx": _MOST_WIDTH, "n_audio_state": _MOST_WIDTH,
        "n_audio_head": _MOST_WIDTH, "n_audio_layer": _MOST_LAYERS, "n_text_ctx": _MOST_WIDTH,
        "n_text_state": _MOST_WIDTH, "n_text_head": _MOST_WIDTH, "n_text_layer": _MOST_LAYERS, "n_mels": 1024,
    }  # fmt: skip
    for name, most in limits.items():
        if not 0 < getattr(numbers, name) <= most:
            raise ModelFileError(f"{path} is damaged: {name} is {getattr(numbers, name)}", _HINT)
    if numbers.ftype % 1000 not in _FILE_TYPE_NAMES or numbers.ftype < 0:
        raise ModelFileError(f"{path} has the unknown file type {numbers.ftype}", _HINT)


class _Reader:
    """Reads little-endian numbers and never beyond the file's end."""

    def __init__(self, file: IO[bytes], path: Path, size_bytes: int) -> None:
        self._file, self._path, self._size = file, path, size_bytes
        self.at = 0

    def check(self, sound: bool, what: str) -> None:
        if not sound:
            raise ModelFileError(f"{self._path} is damaged: it has {what}", _HINT)

    def check_magic(self) -> None:
        if self._size == 0:
            raise ModelFileError(f"{self._path} is empty", "download or convert it again")
        start = self._file.read(4)
        self._file.seek(0)
        if start == b"GGUF":
            raise ModelFileError(f"{self._path} is a GGUF file, which whisper.cpp does not read", _HINT)
        if start == b"vers":
            raise ModelFileError(f"{self._path} is a Git LFS pointer, not the model", "git lfs pull")
        if len(start) == 4 and struct.unpack("<I", start)[0] != MAGIC:
            raise ModelFileError(f"{self._path} is not a ggml file", _HINT)
        self.ints(1)

    def ints(self, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}i", self._take(4 * count))

    def skip(self, size_bytes: int) -> None:
        self.check(size_bytes >= 0, f"a length of {size_bytes}")
        self._need(size_bytes)
        self.at += size_bytes
        self._file.seek(self.at)

    def tensor(self) -> TensorInfo:
        dimensions, name_bytes, kind = self.ints(3)
        self.check(0 < dimensions <= _MOST_DIMENSIONS, f"a tensor of {dimensions} dimensions")
        self.check(0 < name_bytes < 1024, f"a tensor's name of {name_bytes} bytes")
        self.check(kind in _TYPE_NAMES, f"a tensor of the unknown type {kind}")
        shape = tuple(reversed(self.ints(dimensions)))
        self.check(all(0 < n < 1 << 31 for n in shape), f"a tensor of shape {shape}")
        name = self._take(name_bytes).decode("utf-8", errors="replace")
        try:
            size_bytes = tensor_bytes(shape, _TYPE_NAMES[kind])
        except ValueError as error:
            raise ModelFileError(f"{self._path} is damaged: {name}: {error}", _HINT) from error
        offset = self.at
        self.skip(size_bytes)
        return TensorInfo(name, shape, _TYPE_NAMES[kind], offset, size_bytes)

    def _take(self, size_bytes: int) -> bytes:
        self._need(size_bytes)
        self.at += size_bytes
        return self._file.read(size_bytes)

    def _need(self, size_bytes: int) -> None:
        if self.at + size_bytes > self._size:
            raise ModelFileError(
                f"{self._path} is truncated: it ends after {self._size} bytes", "download or convert it again"
            )


def write_start(
    file: IO[bytes], numbers: Hyperparameters, filters: np.ndarray[Any, Any], pieces: Iterable[bytes]
) -> None:
    """Magic, numbers, mel filters (bands, bins) in float32, and the vocabulary."""
    file.write(struct.pack("<I11i", MAGIC, *vars(numbers).values()))
    file.write(struct.pack("<2i", *filters.shape))
    file.write(filters.astype("<f4").tobytes())
    listed = list(pieces)
    file.write(struct.pack("<i", len(listed)))
    for piece in listed:
        file.write(struct.pack("<i", len(piece)) + piece)


def write_tensor(
    file: IO[bytes], name: str, shape: tuple[int, ...], kind: str, data: bytes | np.ndarray[Any, Any]
) -> None:
    """A tensor of row-major `shape` and type `kind`; `data` are its bytes."""
    encoded = name.encode()
    file.write(struct.pack("<3i", len(shape), len(encoded), TENSOR_TYPES[kind]))
    file.write(struct.pack(f"<{len(shape)}i", *reversed(shape)) + encoded)
    file.write(data if isinstance(data, bytes) else data.tobytes())
