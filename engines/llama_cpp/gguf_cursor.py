"""Reads the values of a GGUF header one after the other; IndexError, struct.error beyond its end."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from typing import Any

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_KEPT_ARRAY_LENGTH = 1024
"""Longer arrays (tokens, scores, merges) are represented by their length alone."""


@dataclass(frozen=True)
class ArrayLength:
    """Stands for an array too long to keep."""

    length: int


class Cursor:
    """Reads little-endian values one after the other."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.at = 0

    def scalar(self, code: str) -> Any:
        """The next value of a struct format character."""
        (value,) = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize("<" + code)
        return value

    def skip_string(self) -> None:
        """Pass over a string."""
        length = self.scalar("Q")
        self.at += length
        if self.at > len(self.data):
            raise IndexError

    def string(self) -> str:
        """The next string."""
        length = self.scalar("Q")
        if self.at + length > len(self.data):
            raise IndexError
        self.at += length
        return bytes(self.data[self.at - length : self.at]).decode("utf-8", errors="replace")

    def value(self, kind: int) -> Any:
        """The next metadata value of a GGUF type number."""
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            return self.array()
        if kind not in _SCALARS:
            raise IndexError
        return self.scalar(_SCALARS[kind])

    def array(self) -> list[Any] | ArrayLength:
        """The next array, or its length if that is large."""
        kind, length = self.scalar("I"), self.scalar("Q")
        if length > len(self.data):
            raise IndexError
        if kind in _SCALARS and length > _KEPT_ARRAY_LENGTH:
            self.at += length * struct.calcsize("<" + _SCALARS[kind])
        elif kind == _STRING and length > _KEPT_ARRAY_LENGTH:
            for _ in range(length):
                self.skip_string()
        else:
            return [self.value(kind) for _ in range(length)]
        if self.at > len(self.data):
            raise IndexError
        return ArrayLength(length)
