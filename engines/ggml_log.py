"""The log of a library built on ggml: kept, so that its failures can be explained by its own words."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable

_WARN, _ERROR, _CONTINUE = 3, 4, 5
"""GGML_LOG_LEVEL_* of ggml.h."""
_KEPT_LINES = 5000
"""A load logs several lines for each layer and tensor."""


class GgmlLog:
    """The last lines are kept; warnings and errors also go to standard error. One for each library and process."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._errors: deque[str] = deque(maxlen=_KEPT_LINES)
        self._level = 0
        self.listener: Callable[[str], None] | None = None
        """Told each new line, when set."""

    def clear(self) -> None:
        """Forget the lines so far, so that the next failure is explained by its own."""
        self.lines.clear()
        self._errors.clear()

    def reason(self) -> str:
        """The error lines since `clear`, first cause first, in one line; "" when there are none."""
        return "; ".join(dict.fromkeys(_without_function(line) for line in list(self._errors)[:3]))

    def contains(self, text: str) -> bool:
        """True when a line since `clear` contains `text`, in any case."""
        return any(text in line.lower() for line in self.lines)

    def receive(self, level: int, text: str) -> None:
        """Take what the library logs: a line, or more of the line before it."""
        if level == _CONTINUE:
            if self.lines:
                self.lines[-1] += text.rstrip("\n")
        else:
            self._level = level
            self.lines.append(text.rstrip("\n"))
            if self.listener is not None:
                self.listener(text)
            if level == _ERROR:
                self._errors.append(text.strip())
        if self._level in (_WARN, _ERROR):
            sys.stderr.write(text)


def _without_function(line: str) -> str:
    """A log line without the C function's name that it begins with."""
    name, colon, rest = line.partition(": ")
    return rest if colon and " " not in name else line
