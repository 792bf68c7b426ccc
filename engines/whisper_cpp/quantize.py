"""Quantized variants of a ggml file: made from an unquantized one by rewriting its matrices, kept in the cache."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engines.base import Progress
from engines.cache import cache_root, make_once
from engines.whisper_cpp.ggml_file import (
    FILE_TYPES,
    QUANTIZATION_VERSION,
    GgmlHeader,
    TensorInfo,
    read_header,
    tensor_bytes,
    write_tensor,
)

ON_DEMAND = ("Q4_0", "Q5_0", "Q5_1", "Q8_0")
"""By bits per weight. K-quants are left out: no width of a published Whisper below large is a multiple of 256."""
UNQUANTIZED = ("F16", "F32")
WRITER_VERSION = 1
_KEPT = ("encoder.conv1.bias", "encoder.conv2.bias", "encoder.positional_embedding", "decoder.positional_embedding")
"""Matrices by their number of dimensions only, which whisper.cpp reads as float32."""
_FTYPE_AT = 4 + 4 * 10
"""Where the file type stands: after the magic and ten numbers."""


def variant(source: Path, source_sha256: str, quantization: str, progress: Progress) -> Path:
    """The file of `source` in `quantization`, made unless the cache has it. Raises CacheError."""
    name = f"{source.stem}-{source_sha256[:16]}-v{WRITER_VERSION}-{quantization}.bin"
    path = cache_root() / "ggml" / name

    def make(temporary: Path) -> None:
        progress(f"quantizing {source.name} to {quantization}")
        quantize(read_header(source), quantization, temporary)

    return make_once(path, predicted_bytes(read_header(source), quantization), make)


def predicted_bytes(header: GgmlHeader, quantization: str) -> int:
    """The size of the variant, to the byte."""
    saved = sum(t.size_bytes - tensor_bytes(t.shape, quantization) for t in header.tensors if is_rewritten(t))
    return header.size_bytes - saved


def is_rewritten(tensor: TensorInfo) -> bool:
    """Whether quantizing changes the tensor: matrices, but not convolutions, biases and positions."""
    return len(tensor.shape) == 2 and tensor.name not in _KEPT


def quantize(header: GgmlHeader, quantization: str, path: Path) -> None:
    """Write `header`'s file in `quantization` to `path`, one tensor in memory at a time."""
    import numpy as np
    from gguf import GGMLQuantizationType, quants

    kind = GGMLQuantizationType[quantization]
    with header.path.open("rb") as source, path.open("wb") as file:
        start = bytearray(source.read(header.tensors_at))
        ftype = QUANTIZATION_VERSION + FILE_TYPES[quantization]
        start[_FTYPE_AT : _FTYPE_AT + 4] = ftype.to_bytes(4, "little")
        file.write(start)
        for tensor in header.tensors:
            source.seek(tensor.offset)
            data = source.read(tensor.size_bytes)
            if is_rewritten(tensor):
                weights = np.frombuffer(data, _DTYPES[tensor.type]).reshape(tensor.shape).astype(np.float32)
                write_tensor(file, tensor.name, tensor.shape, quantization, quants.quantize(weights, kind))
            else:
                write_tensor(file, tensor.name, tensor.shape, tensor.type, data)


_DTYPES: Mapping[str, str] = {"F16": "<f2", "F32": "<f4"}
