"""Which files of a repository are the model, and in which precision, told by the names that exports of Kokoro have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from engines.errors import ModelFileError
from engines.kokoro.onnx_file import FP16, FP32, INT8

_INT8_NAMES = ("int8", "uint8", "quantized")
_OTHERS = ("q4", "q4f16", "q8f16", "uint8f16", "bnb4")


def choose(repo: str, sizes: Mapping[str, int], file: str | None) -> dict[str, str]:
    """Quantization → file, out of a repository's files. Raises ModelFileError when it cannot be told.

    The fp32 file alone, if there is one (others are made from it); else every precision that the engine knows.
    """
    known = {name: kind for name in sizes if (kind := _quantization(name))}
    if file is not None:
        if file not in sizes:
            raise ModelFileError(f"{repo} has no file {file}", f"it has {', '.join(sorted(known)) or 'no ONNX file'}")
        return {_quantization(file) or FP32: file}
    if not known:
        raise ModelFileError(f"{repo} has no ONNX file of Kokoro", "name a repository with model.onnx")
    files: dict[str, str] = {}
    for name, kind in sorted(known.items()):
        files.setdefault(kind, name)
    return {FP32: files[FP32]} if FP32 in files else files


def _quantization(name: str) -> str:
    """`onnx/model_fp16.onnx` is fp16, `kokoro-v1.0.int8.onnx` int8, `model.onnx` fp32; "" for what is none of them."""
    path = PurePosixPath(name)
    if path.suffix != ".onnx":
        return ""
    words = re.split(r"[^a-z0-9]+", path.stem.lower())
    if any(word in _OTHERS for word in words):
        return ""
    if any(word in _INT8_NAMES for word in words):
        return INT8
    return FP16 if FP16 in words else FP32
