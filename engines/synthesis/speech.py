"""Audio as it streams out of an engine: samples with the time at which each chunk was there."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

from engines.errors import InvalidOutputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

F32: TypeAlias = "NDArray[np.float32]"
"""(samples,) of one channel; full scale is ±1."""


@dataclass(frozen=True)
class Chunk:
    """Samples that the listener could have `at_s` seconds after the text was submitted."""

    at_s: float
    samples: F32


@dataclass(frozen=True)
class Speech:
    """What became of one text: its chunks in order, the rate in Hz, and when the engine was done with it."""

    chunks: tuple[Chunk, ...]
    sample_rate: int
    done_s: float

    @property
    def audio(self) -> F32:
        """All samples in one array."""
        import numpy as np

        return np.concatenate([c.samples for c in self.chunks]) if self.chunks else np.zeros(0, np.float32)

    @property
    def seconds(self) -> float:
        """Seconds of audio."""
        return sum(c.samples.size for c in self.chunks) / self.sample_rate

    @property
    def stall_s(self) -> float:
        """Seconds of silence inside the speech when it is played from its first chunk on, because chunks come late."""
        stalled, played_until = 0.0, self.chunks[0].at_s if self.chunks else 0.0
        for chunk in self.chunks:
            late = max(0.0, chunk.at_s - played_until)
            stalled += late
            played_until += late + chunk.samples.size / self.sample_rate
        return stalled

    @property
    def pattern(self) -> str:
        """The chunks' lengths in samples, runs of equal ones counted: `512 9×256 17 of 22050 Hz`."""
        runs = [(size, len(list(run))) for size, run in groupby(c.samples.size for c in self.chunks)]
        sizes = " ".join(f"{count}×{size}" if count > 1 else str(size) for size, count in runs)
        return f"{sizes} of {self.sample_rate} Hz"


class Listener:
    """Takes chunks as they come and keeps when that was; the clock starts when it is made. Empty ones do not count."""

    def __init__(self) -> None:
        self._chunks: list[Chunk] = []
        self._submitted = time.perf_counter()

    def hear(self, samples: F32) -> None:
        """One more chunk is there."""
        at_s = time.perf_counter() - self._submitted
        if samples.size:
            self._chunks.append(Chunk(at_s, samples))

    def heard(self, sample_rate: int) -> Speech:
        """All of it; the engine is done now. Raises InvalidOutputError for a chunk that is not one channel."""
        done_s = time.perf_counter() - self._submitted
        for chunk in self._chunks:
            if chunk.samples.ndim != 1:
                raise InvalidOutputError(f"the audio has the shape {chunk.samples.shape}, and one channel is wanted")
        return Speech(tuple(self._chunks), sample_rate, done_s)


def listen(chunks: Iterable[F32], sample_rate: int) -> Speech:
    """Take all of `chunks` as an engine yields them; the clock starts here. Raises InvalidOutputError as a Listener."""
    listener = Listener()
    for samples in chunks:
        listener.hear(samples)
    return listener.heard(sample_rate)
