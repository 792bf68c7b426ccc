"""Kokoro's ONNX files: what one says of itself, and whether kokoro-onnx can use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from engines.errors import ModelFileError
from engines.kokoro.library import onnx

FP32, FP16, INT8 = "fp32", "fp16", "int8"
_TOKENS = ("input_ids", "tokens")
"""Newer and older exports' name of the phonemes."""
_INTEGER_OPERATORS = frozenset({"DynamicQuantizeLinear", "QuantizeLinear", "MatMulInteger", "ConvInteger"})
_HINT = "give an ONNX file of Kokoro, for example kokoro-v1.0.onnx of kokoro-onnx's releases"


@dataclass(frozen=True)
class OnnxHeader:
    """A file's precision, size and interface (input → element type)."""

    path: Path
    size_bytes: int
    quantization: str
    inputs: Mapping[str, str]
    weights_bytes: int


def read_header(path: Path) -> OnnxHeader:
    """The header of a file. Raises ModelFileError when it is none that kokoro-onnx can run."""
    try:
        status = path.stat()
    except OSError as error:
        raise ModelFileError(f"there is no model file {path}", _HINT) from error
    if path.is_dir():
        raise ModelFileError(f"{path} is a folder", _HINT)
    return _read(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)
def _read(path: Path, size_bytes: int, changed_ns: int) -> OnnxHeader:
    library = onnx()
    try:
        graph = library.load(str(path), load_external_data=False).graph
    except Exception as error:  # the parser's exception is protobuf's own, which is not ours to import
        raise ModelFileError(f"{path} is no ONNX file: {type(error).__name__}", _HINT) from error
    held = {i.name for i in graph.initializer}
    inputs = {i.name: _type_name(library, i) for i in graph.input if i.name not in held}
    if not any(name in inputs for name in _TOKENS) or not {"style", "speed"} <= set(inputs):
        raise ModelFileError(f"{path} is no model of Kokoro: its inputs are {', '.join(inputs) or 'none'}", _HINT)
    weights_bytes = sum(_bytes(library, i) for i in graph.initializer)
    return OnnxHeader(path, size_bytes, _quantization(library, graph), inputs, weights_bytes)


def _quantization(library: Any, graph: Any) -> str:
    """By the operators, and by the element type that most of the weights have."""
    if any(node.op_type in _INTEGER_OPERATORS for node in graph.node):
        return INT8
    kinds = library.TensorProto
    half = sum(_bytes(library, i) for i in graph.initializer if i.data_type == kinds.FLOAT16)
    full = sum(_bytes(library, i) for i in graph.initializer if i.data_type == kinds.FLOAT)
    return FP16 if half > full else FP32


def _bytes(library: Any, tensor: Any) -> int:
    size = int(library.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
    for extent in tensor.dims:
        size *= int(extent)
    return size


def _type_name(library: Any, value: Any) -> str:
    return str(library.TensorProto.DataType.Name(value.type.tensor_type.elem_type)).lower()
