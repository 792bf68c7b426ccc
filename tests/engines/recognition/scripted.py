"""A recogniser that is scripted, whose time is its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from engines.base import Workload
from engines.recognition.clips import Passage
from engines.recognition.hearing import Decides, Heard
from engines.recognition.material import passages


class Recogniser:
    """Hears what is said, or what `wrong` says, and takes a second, or what `slow` says each time.

    `settings` decide what is heard, `fallbacks` where one of the passages `falls_back`. One that `stops` gives up as it
    is told. `asked` are the passages that it had to hear.
    """

    def __init__(
        self,
        workload: Workload,
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
        self._places = {p.id: at for at, p in enumerate(passages(workload))}

    def hear_passage(self, passage: Passage, within_s: float = math.inf) -> Heard:
        at = self._places[passage.id]
        self.asked.append(at)
        takes_s = self.slow[at].pop(0) if self.slow.get(at) else 1.0
        given_up = self.stops and takes_s > within_s
        spent_s = within_s + 0.01 if given_up else takes_s
        self.now += spent_s
        return Heard("" if given_up else self.wrong.get(at, self.said[at]), spent_s, given_up)

    def fell_back(self) -> bool | None:
        return None if self.falls_back is None else self.asked[-1] in self.falls_back

    def timed(self, passage: Passage) -> Heard | None:
        return self.rounds.get(passage.id)

    def decides(self, length_s: float) -> Decides:
        return Decides(self.settings, self.fallbacks)
