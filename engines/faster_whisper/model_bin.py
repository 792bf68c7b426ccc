"""Writing the `model.bin` of CTranslate2, whose form `engines/recognition/ctranslate2_file.py` reads."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engines.recognition.ctranslate2_file import BINARY_VERSION, SPEC, TYPES

REVISION = 3
_SECOND_NAMES = {"decoder/projection/weight": "decoder/embeddings/weight"}
"""Whisper's output table is its input table."""
_NUMBERS = {name: number for number, (name, _) in TYPES.items()}


def write_model(path: Path, variables: Sequence[tuple[str, np.ndarray[Any, Any]]]) -> None:
    """The variables in their order: what is float in float16, whole numbers as they are."""
    with path.open("wb") as file:
        file.write(struct.pack("<I", BINARY_VERSION) + _text(SPEC) + struct.pack("<2I", REVISION, len(variables)))
        for name, values in variables:
            stored = values.astype("<f2") if values.dtype.kind == "f" else values
            file.write(_text(name) + struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape))
            file.write(struct.pack("<BI", _NUMBERS[stored.dtype.name], stored.nbytes))
            file.write(np.ascontiguousarray(stored).tobytes())
        file.write(struct.pack("<I", len(_SECOND_NAMES)))
        for second, first in _SECOND_NAMES.items():
            file.write(_text(second) + _text(first))


def _text(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"
