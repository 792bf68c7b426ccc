"""What the sessions of recognisers share: a passage is transcribed by the clock, segment by segment."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from engines.base import Sample, WorkItem
from engines.recognition.audio import F32
from engines.recognition.clips import Passage
from engines.recognition.hearing import Decides, Heard, TooLateError


class RecogniserSession(ABC):
    """A loaded recogniser. The clips' audio is decoded before the clock starts, as it comes from a microphone."""

    def __init__(self) -> None:
        self._audio: dict[str, F32] = {}
        self._timed: dict[str, Heard] = {}

    @abstractmethod
    def transcribe(self, audio: F32, on_segment: Callable[[], None], within_s: float = math.inf) -> str:
        """What is heard in (samples,) at SAMPLE_RATE, from a clean state; `on_segment` is called at each segment's end.

        Raises EngineError, and TooLateError after `within_s` seconds where the library can be stopped.
        """

    @abstractmethod
    def decides(self, length_s: float) -> Decides:
        """What decides the text of a passage of this length, whatever else the configuration sets."""

    def run(self, item: WorkItem) -> Sample:
        """Transcribe one passage. An output is a segment; where nothing was heard the end is the only time."""
        passage = Passage.from_json(item.payload)
        if item.id not in self._audio:
            self._audio[item.id] = passage.load()
        audio, times = self._audio[item.id], []
        submitted = time.perf_counter()
        text = self.transcribe(audio, lambda: times.append(time.perf_counter() - submitted))
        done_s = time.perf_counter() - submitted
        self._timed[passage.id] = Heard(text, done_s)
        return Sample(
            item_id=item.id,
            output_times_s=tuple(times) or (done_s,),
            done_s=done_s,
            units_in=passage.seconds,
            units_out=passage.seconds,
            output=text,
        )

    def timed(self, passage: Passage) -> Heard | None:
        """What was heard of it in the latest round."""
        return self._timed.get(passage.id)

    def fell_back(self) -> bool | None:
        """Unknown, unless a subclass can tell."""
        return None

    def hear_passage(self, passage: Passage, within_s: float = math.inf) -> Heard:
        """What is heard in it, by the clock, which starts when the sound is there."""
        audio = passage.load()
        begin = time.perf_counter()
        try:
            text, given_up = self.hear(audio, within_s), False
        except TooLateError:
            text, given_up = "", True
        return Heard(text, time.perf_counter() - begin, given_up)

    def hear(self, audio: F32, within_s: float = math.inf) -> str:
        """What is heard in (samples,) at SAMPLE_RATE."""
        return self.transcribe(audio, lambda: None, within_s)
