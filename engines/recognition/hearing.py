"""What a recogniser hears in a passage, and whether that is known already.

Many configurations must hear the same: they differ in threads, in knobs of fallbacks that do not happen, or in a
headroom that the window is rounded up beyond. So what was heard is kept by what decides it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engines.recognition.clips import Passage
from search_spaces.parameter import Value

NO_HICCUP_S = 20.0
"""What takes longer than that is not the machine's doing, and is not tried again."""


class TooLateError(Exception):
    """A transcript had not come in time, and was not waited for."""


@dataclass(frozen=True)
class Heard:
    """What was heard in a passage, and how long that took; `given_up` where it had not come by then."""

    text: str
    seconds: float
    given_up: bool = False


@dataclass(frozen=True)
class Decides:
    """The settings that decide what is heard: `always`, and those that do so only where the decoder falls back."""

    always: Mapping[str, Value]
    in_fallbacks: Mapping[str, Value]


class Ear(Protocol):
    """A loaded configuration, as judging needs it."""

    def hear_passage(self, passage: Passage, within_s: float = math.inf) -> Heard:
        """What is heard in it, by the clock; given up where that takes longer, if the engine can be stopped."""
        ...

    def fell_back(self) -> bool | None:
        """Whether the decoder fell back in what was heard last; None where that is not known."""
        ...

    def timed(self, passage: Passage) -> Heard | None:
        """What was heard of a passage in a timed round; None where none had it."""
        ...

    def decides(self, length_s: float) -> Decides:
        """What decides the text of a passage of this length."""
        ...


class KnownTexts:
    """What was heard of one material by one build and model, a line each in a file, which is read in milliseconds.

    Without a file nothing outlives the object.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._known: dict[str, Heard] = {}
        with contextlib.suppress(OSError):
            for line in file.read_text(encoding="utf-8").splitlines() if file else ():
                with contextlib.suppress(ValueError, KeyError, TypeError):  # a line that another process is writing
                    entry = json.loads(line)
                    self._known[entry["key"]] = Heard(str(entry["text"]), float(entry["seconds"]))

    def of(self, passage: Passage, decides: Decides) -> Heard | None:
        """What this must hear in `passage`; None where nobody heard it yet."""
        for in_fallbacks in (None, decides.in_fallbacks):
            if (known := self._known.get(_key(passage, decides.always, in_fallbacks))) is not None:
                return known
        return None

    def keep(self, passage: Passage, decides: Decides, heard: Heard, fell_back: bool | None) -> None:
        """For this configuration, and where the decoder did not fall back for all that differ in fallbacks alone."""
        key = _key(passage, decides.always, None if fell_back is False else decides.in_fallbacks)
        self._known[key] = heard
        line = json.dumps({"key": key, "clip": passage.id, "text": heard.text, "seconds": round(heard.seconds, 4)})
        if self._file is None:
            return
        with contextlib.suppress(OSError):  # it is heard again then
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as lines:
                lines.write(line + "\n")


def listen(ear: Ear, passage: Passage, latest_s: float, known: KnownTexts) -> Heard:
    """What `ear` hears in `passage`: as it is known, as it was timed, or now.

    What takes longer than `latest_s` is given up where the engine can, and tried again where it may be the machine's
    doing.
    """
    decides = ear.decides(passage.length_s)
    if (before := known.of(passage, decides)) is not None:
        return before
    if (timed := ear.timed(passage)) is not None and timed.seconds <= latest_s:
        known.keep(passage, decides, timed, None)
        return timed
    heard = ear.hear_passage(passage, latest_s)
    if latest_s < heard.seconds < NO_HICCUP_S:
        heard = min(heard, ear.hear_passage(passage, latest_s), key=lambda one: one.seconds)
    if heard.seconds <= latest_s:
        known.keep(passage, decides, heard, ear.fell_back())
    return heard


def _key(passage: Passage, always: Mapping[str, Value], in_fallbacks: Mapping[str, Value] | None) -> str:
    content = [passage.to_json(), dict(always), None if in_fallbacks is None else dict(in_fallbacks)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]
