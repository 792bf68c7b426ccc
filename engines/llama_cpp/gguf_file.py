"""Reads the header of a GGUF file, and refuses a file that llama.cpp would fail on, with the reason in one line.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Strings of the tokenizer are skipped, not kept.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from engines.errors import ModelFileError
from engines.llama_cpp.gguf_cursor import Cursor

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_DEFAULT_ALIGNMENT = 32
_MOST_DIMENSIONS = 4
_OTHER_FORMATS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself: run `git lfs pull`"),
    (b"PK\x03\x04", "a zip archive or PyTorch checkpoint: convert it to GGUF"),
    (b"<", "a web page, not a model: download the file again"),
    (b"lmgg", "a whisper.cpp or old ggml file: convert it to GGUF"),
    (b"tjgg", "an old GGJT file: convert it to GGUF"),
)


@dataclass(frozen=True)
class Tensor:
    """A tensor's name, extents (fastest first), type number and offset into the data part, in bytes."""

    name: str
    shape: tuple[int, ...]
    type_id: int
    offset: int

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)

    @property
    def size_bytes(self) -> int | None:
        """Its size in the file, or None for a type that the gguf package does not know."""
        from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

        try:
            block, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType(self.type_id)]
        except (ValueError, KeyError):
            return None
        return int(self.elements // block * block_bytes)


@dataclass(frozen=True)
class GgufHeader:
    """What a GGUF file says of itself."""

    path: Path
    size_bytes: int
    metadata: Mapping[str, Any]
    tensors: tuple[Tensor, ...]

    @property
    def architecture(self) -> str:
        """`general.architecture`, or "" without one."""
        return str(self.metadata.get("general.architecture", ""))

    def of_architecture(self, key: str, default: Any = None) -> Any:
        """The metadata value `ARCHITECTURE.key`."""
        return self.metadata.get(f"{self.architecture}.{key}", default)


def read_header(path: Path) -> GgufHeader:
    """The header of a whole GGUF file. Raises ModelFileError for anything else, naming what is wrong with it."""
    size_bytes = _size_of_readable_file(path)
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _parse(path, size_bytes, Cursor(data))
    except (struct.error, IndexError, UnicodeDecodeError, MemoryError, OverflowError) as error:
        raise ModelFileError(
            f"{path} is truncated or damaged: its header cannot be read to the end ({size_bytes} bytes)",
            "download or convert it again",
        ) from error
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror or error}", "check its permissions") from error


def _size_of_readable_file(path: Path) -> int:
    try:
        if path.is_dir():
            raise ModelFileError(f"{path} is a folder, not a GGUF file", "name the .gguf file in it")
        size_bytes = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelFileError(f"there is no model file {path}", "check the path") from error
    except (OSError, ValueError) as error:
        raise ModelFileError(
            f"cannot read {path}: {getattr(error, 'strerror', None) or error}", "check the path"
        ) from error
    if size_bytes == 0:
        raise ModelFileError(f"{path} is empty (0 bytes)", "download or convert it again")
    return size_bytes


def _parse(path: Path, size_bytes: int, cursor: Cursor) -> GgufHeader:
    _check_magic(path, bytes(cursor.data[:32]))
    cursor.at = len(_MAGIC)
    version = cursor.scalar("I")
    if version not in _VERSIONS:
        raise ModelFileError(
            f"{path} has GGUF version {version}, which cannot be read", f"convert it to version {_VERSIONS[-1]}"
        )
    tensor_count, value_count = cursor.scalar("Q"), cursor.scalar("Q")
    metadata: dict[str, Any] = {}
    for _ in range(value_count):
        key = cursor.string()
        metadata[key] = cursor.value(cursor.scalar("I"))
    tensors = tuple(_tensor(cursor) for _ in range(tensor_count))
    header = GgufHeader(path, size_bytes, metadata, tensors)
    _check_data(header, cursor.at)
    return header


def _check_magic(path: Path, begin: bytes) -> None:
    if begin.startswith(_MAGIC):
        return
    if begin.startswith(_MAGIC[: len(begin)]):
        raise IndexError
    kind = next((text for magic, text in _OTHER_FORMATS if begin.lstrip().startswith(magic)), "")
    if not kind and path.suffix == ".safetensors":
        kind = "a safetensors file: convert it with llama.cpp's convert_hf_to_gguf.py"
    raise ModelFileError(
        f"{path} is not a GGUF file"
        + (f" but {kind.partition(':')[0]}" if kind else f" (it begins with {begin[:4]!r})"),
        kind.partition(": ")[2] or "convert the model to GGUF, or name another file",
    )


def _tensor(cursor: Cursor) -> Tensor:
    name = cursor.string()
    dimensions = cursor.scalar("I")
    if dimensions > _MOST_DIMENSIONS:
        raise IndexError
    shape = tuple(cursor.scalar("Q") for _ in range(dimensions))
    return Tensor(name, shape, cursor.scalar("I"), cursor.scalar("Q"))


def _check_data(header: GgufHeader, header_end: int) -> None:
    """Every tensor must lie within the file."""
    alignment = int(header.metadata.get("general.alignment", _DEFAULT_ALIGNMENT)) or _DEFAULT_ALIGNMENT
    data_start = -(-header_end // alignment) * alignment
    end = data_start
    for tensor in header.tensors:
        end = max(end, data_start + tensor.offset + (tensor.size_bytes or 0))
    if end > header.size_bytes:
        raise ModelFileError(
            f"{header.path} is truncated: its tensors end at byte {end}, the file has {header.size_bytes}",
            "download or convert it again",
        )
    if not header.tensors:
        raise ModelFileError(f"{header.path} has no tensors (a vocabulary, not a model)", "name a model file")
