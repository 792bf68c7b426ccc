"""The `model.bin` of CTranslate2: which variables it has, checked against the file's length; read one by one."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from engines.errors import ModelFileError

if TYPE_CHECKING:
    import numpy as np

MODEL = "model.bin"
"""The file's name in its folder."""
BINARY_VERSION = 6
SPEC = "WhisperSpec"
TYPES: Mapping[int, tuple[str, int]] = {
    0: ("float32", 4), 1: ("int8", 1), 2: ("int16", 2), 3: ("int32", 4), 4: ("float16", 2), 5: ("bfloat16", 2),
}  # fmt: skip
"""A variable's type: its number in the file, its name, its bytes."""
_MOST_DIMENSIONS = 4
_AGAIN = "download or convert it again"
_CONVERT = "convert the model with ct2-transformers-converter --quantization float16"


@dataclass(frozen=True)
class Variable:
    """A variable in a file: row-major shape, type by name, where its data begins."""

    shape: tuple[int, ...]
    type: str
    offset: int


@dataclass(frozen=True)
class CTranslate2File:
    """A Whisper in a file: its variables by name."""

    path: Path
    variables: Mapping[str, Variable]

    def read(self, name: str) -> np.ndarray[Any, Any]:
        """The values of one variable in float32; whole numbers stay. Raises ModelFileError where it has none such."""
        import numpy as np

        if name not in self.variables:
            raise ModelFileError(f"{self.path} has no {name}: it is no whole Whisper", _AGAIN)
        variable = self.variables[name]
        stored = "<u2" if variable.type == "bfloat16" else np.dtype(variable.type).newbyteorder("<")
        values = np.fromfile(self.path, stored, math.prod(variable.shape), offset=variable.offset)
        if variable.type == "bfloat16":
            values = (values.astype("<u4") << 16).view("<f4")
        elif variable.type == "float16":
            values = values.astype(np.float32)
        return values.reshape(variable.shape)


def read_file(path: Path) -> CTranslate2File:
    """A `model.bin`, without its weights. Raises ModelFileError where it is none, of another kind, or truncated."""
    try:
        with path.open("rb") as file:
            return CTranslate2File(path, _variables(_Reader(file, path)))
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror}", "check the path") from error


def _variables(reader: _Reader) -> dict[str, Variable]:
    path, version = reader.path, reader.number("I")
    if version != BINARY_VERSION:
        raise ModelFileError(f"{path} is no model.bin of CTranslate2's version {BINARY_VERSION}", _CONVERT)
    if (spec := reader.text()) != SPEC:
        raise ModelFileError(f"{path} is a model of {spec}, not a Whisper", "give the folder of a Whisper")
    reader.number("I")  # the revision: what matters is whether the variables are there
    variables = {}
    for _ in range(reader.number("I")):
        name, variable = reader.variable()
        variables[name] = variable
    return variables


class _Reader:
    """Reads little-endian numbers and never beyond the file's end."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file, self.path, self._size = file, path, path.stat().st_size

    def number(self, kind: str) -> int:
        value: int = struct.unpack(f"<{kind}", self._take(struct.calcsize(f"<{kind}")))[0]
        return value

    def text(self) -> str:
        """A text with its length before it, and a zero as its last byte."""
        return self._take(self.number("H")).rstrip(b"\0").decode("utf-8", errors="replace")

    def variable(self) -> tuple[str, Variable]:
        name, dimensions = self.text(), self.number("B")
        if dimensions > _MOST_DIMENSIONS:
            raise ModelFileError(f"{self.path} is damaged: {name} has {dimensions} dimensions", _AGAIN)
        shape = tuple(self.number("I") for _ in range(dimensions))
        kind, size_bytes = self.number("B"), self.number("I")
        type_name, width = TYPES.get(kind, ("", 0))
        if size_bytes != math.prod(shape) * width:
            raise ModelFileError(f"{self.path} is damaged: {name} of shape {shape} has {size_bytes} bytes", _AGAIN)
        offset = self._file.tell()
        self._need(size_bytes)
        self._file.seek(size_bytes, 1)
        return name, Variable(shape, type_name, offset)

    def _take(self, size_bytes: int) -> bytes:
        self._need(size_bytes)
        return self._file.read(size_bytes)

    def _need(self, size_bytes: int) -> None:
        if self._file.tell() + size_bytes > self._size:
            raise ModelFileError(f"{self.path} is truncated: it ends after {self._size} bytes", _AGAIN)
