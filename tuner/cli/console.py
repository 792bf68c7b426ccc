"""Where output goes: one JSON document or text for a reader on standard output, everything else on standard error."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TextIO

from search_spaces.errors import TunerError


class Console:
    """Use as a context manager. With `json_wanted`, standard output carries the document of `emit` and nothing else:

    for as long as the console is open, whatever Python code, a library or a child process prints there goes to
    standard error.
    """

    def __init__(self, json_wanted: bool = False) -> None:
        self.json_wanted = json_wanted
        self._out: TextIO = sys.stdout
        self._saved: int | None = None
        self._redirection: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()

    def __enter__(self) -> Console:
        self._out = sys.stdout
        if self.json_wanted:
            self._redirect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._redirection.__exit__(kind, error, trace)
        if self._saved is not None:
            os.dup2(self._saved, 1)
            os.close(self._saved)

    def _redirect(self) -> None:
        self._redirection = contextlib.redirect_stdout(sys.stderr)
        self._redirection.__enter__()
        with contextlib.suppress(io.UnsupportedOperation, OSError, ValueError):
            if self._out.fileno() == 1:
                self._out.flush()
                self._saved = os.dup(1)
                os.dup2(2, 1)
                self._out = os.fdopen(os.dup(self._saved), "w", encoding="utf-8")

    @property
    def human(self) -> TextIO:
        """The stream for tables: standard output, or standard error when that belongs to the JSON document."""
        return sys.stderr if self.json_wanted else sys.stdout

    @property
    def progress(self) -> TextIO:
        """The stream for what happens meanwhile."""
        return sys.stderr

    def emit(self, document: Any) -> None:
        """Print the JSON document, if one is wanted; at most once."""
        if self.json_wanted:
            self._out.write(json.dumps(_plain(document), indent=2, ensure_ascii=False) + "\n")
            self._out.flush()

    def print(self, text: str = "") -> None:
        """A line for the reader."""
        self.human.write(text + "\n")

    def note(self, text: str) -> None:
        """A line about what happened."""
        sys.stderr.write(text + "\n")

    def fail(self, error: TunerError) -> None:
        """The error in one line, what to do in another; with JSON, as a document too."""
        self.human.flush()
        self.note(f"error: {_one_line(error.message)}")
        if error.hint:
            self.note(f"hint: {_one_line(error.hint)}")
        self.emit({"error": error.message, "hint": error.hint})


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _plain(value: Any) -> Any:
    """JSON data: numbers that JSON cannot hold (NaN, infinity) become null, other types text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
