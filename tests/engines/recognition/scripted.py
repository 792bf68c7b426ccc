"""A recogniser that is scripted, and a clock that is its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pytest

from engines.base import Workload
from engines.recognition import hearing
from engines.recognition.audio import F32
from engines.recognition.clips import Passage
from engines.recognition.hearing import Decides, Heard, TooLateError
from engines.recognition.material import passages


class Recogniser:
    """Hears what is said, or what `wrong` says, and takes a second, or what `slow` says each time.

    `settings` decide what is heard, `fallbacks` where one of the passages `falls_back`. One that `stops` gives up as it
    is told. `asked` are the passages that it had to hear.
    """

    def __init__(
        self,
        workload: Workload,
        monkeypatch: pytest.MonkeyPatch,
        wrong: Mapping[int, str] | None = None,
        slow: Mapping[int, Sequence[float]] | None = None,
        stops: bool = False,
        rounds: Mapping[int, Heard] | None = None,
        settings: Mapping[str, str] | None = None,
        fallbacks: Mapping[str, int] | None = None,
        falls_back: Sequence[int] | None = (),
    ) -> None:
        self.said = [p.text for p in passages(workload)]
        self.wrong, self.slow = dict(wrong or {}), {at: list(times) for at, times in (slow or {}).items()}
        self.stops, self.asked, self.now, self.falls_back = stops, list[int](), 0.0, falls_back
        self.settings, self.fallbacks = dict(settings or {}), dict(fallbacks or {})
        self.rounds = {passages(workload)[at].id: heard for at, heard in (rounds or {}).items()}
        self._sounds = {p.load().tobytes(): at for at, p in enumerate(passages(workload))}
        monkeypatch.setattr(hearing.time, "perf_counter", lambda: self.now)

    def hear(self, audio: F32, within_s: float = math.inf) -> str:
        at = self._sounds[audio.tobytes()]
        self.asked.append(at)
        takes_s = self.slow[at].pop(0) if self.slow.get(at) else 1.0
        self.now += min(takes_s, within_s + 0.01) if self.stops else takes_s
        if self.stops and takes_s > within_s:
            raise TooLateError
        return self.wrong.get(at, self.said[at])

    def fell_back(self) -> bool | None:
        return None if self.falls_back is None else self.asked[-1] in self.falls_back

    def timed(self, passage: Passage) -> Heard | None:
        return self.rounds.get(passage.id)

    def decides(self, length_s: float) -> Decides:
        return Decides(self.settings, self.fallbacks)
