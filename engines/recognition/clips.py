"""The clips that a work item consists of, as plain data, and their audio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict

from engines.cache import cache_root, file_sha256
from engines.recognition.audio import F32, SAMPLE_RATE, load_audio
from engines.recognition.treatment import NONE, Treatment

EMBEDDED_AUDIO = "embedded"
"""Stands for the file that comes with the tool, wherever it is installed."""
READ_ALOUD = "read-aloud:"
"""Before the digest of what a published voice read; the file is in the cache, wherever that is."""
FADE_S = 0.005


@dataclass(frozen=True)
class Clip:
    """`seconds` of a file, from `start_s` on, with what is said in it."""

    id: str
    audio: str
    start_s: float
    seconds: float
    text: str

    def file(self) -> Path:
        """Where the sound is."""
        if self.audio.startswith(READ_ALOUD):
            return read_aloud_file(self.audio.removeprefix(READ_ALOUD))
        return embedded_clips_file() if self.audio == EMBEDDED_AUDIO else Path(self.audio)

    @property
    def content(self) -> str:
        """What it is, wherever it lies and whatever it is called: what is said, and the sound."""
        return f"{self.text}\n{file_sha256(self.file())} {self.start_s:g} {self.seconds:g}"

    def load(self) -> F32:
        """(samples,) at SAMPLE_RATE."""
        whole, start = load_audio(self.file()), round(self.start_s * SAMPLE_RATE)
        return whole[start : start + round(self.seconds * SAMPLE_RATE)]


class PassageJson(TypedDict):
    """A passage as plain data."""

    clips: list[dict[str, str | float]]
    gap_s: float
    treatment: dict[str, float | None]


@dataclass(frozen=True)
class Passage:
    """What is transcribed in one call: a clip, or several with `gap_s` of silence between them, treated or as it is."""

    clips: tuple[Clip, ...]
    gap_s: float
    treatment: Treatment = NONE

    @property
    def id(self) -> str:
        """Its clips, and what is done to them."""
        first, last = self.clips[0].id, self.clips[-1].id
        clips = first if len(self.clips) == 1 else f"{first}..{last}"
        return f"{clips} ({self.treatment.name})" if self.treatment.name else clips

    @property
    def seconds(self) -> float:
        """Seconds of the clips themselves; the silence around them is not audio that anybody waits for."""
        return sum(clip.seconds for clip in self.clips) / self.treatment.speed

    @property
    def length_s(self) -> float:
        """Seconds of the whole sound."""
        gaps_s = self.gap_s * (len(self.clips) - 1) / self.treatment.speed
        return self.seconds + gaps_s + self.treatment.before_s + self.treatment.after_s

    @property
    def text(self) -> str:
        """What is said in all of them."""
        return " ".join(clip.text for clip in self.clips)

    def load(self) -> F32:
        """(samples,) at SAMPLE_RATE; inner ends are faded, so that a cut does not click."""
        import numpy as np

        parts: list[F32] = []
        for number, clip in enumerate(self.clips):
            if number:
                parts.append(np.zeros(round(self.gap_s * SAMPLE_RATE), np.float32))
            parts.append(_faded(clip.load()) if len(self.clips) > 1 else clip.load())
        audio: F32 = np.concatenate(parts)
        return audio if self.treatment == NONE else self.treatment.apply(audio)

    def to_json(self) -> PassageJson:
        """A payload that `from_json` reads back."""
        clips = [asdict(clip) for clip in self.clips]
        return PassageJson(clips=clips, gap_s=self.gap_s, treatment=asdict(self.treatment))

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> Passage:
        """Read what `to_json` wrote."""
        clips = tuple(Clip(**clip) for clip in document["clips"])
        return Passage(clips, float(document["gap_s"]), Treatment(**document["treatment"]))


def joined(clips: Sequence[Clip], batch_size: int, gap_s: float) -> list[Passage]:
    """The clips in passages of `batch_size`, in order; the last passage may be shorter."""
    return [Passage(tuple(clips[at : at + batch_size]), gap_s) for at in range(0, len(clips), batch_size)]


def embedded_clips_file() -> Path:
    """The compressed audio that comes with the tool."""
    from engines.embedded.clips import CLIPS_AUDIO

    return CLIPS_AUDIO


def read_aloud_file(digest: str) -> Path:
    """What a published voice read (`read_aloud.py`)."""
    return cache_root() / "read_aloud" / f"{digest}.flac"


def _faded(audio: F32) -> F32:
    import numpy as np

    count = min(round(FADE_S * SAMPLE_RATE), audio.size // 2)
    ramp = np.ones(audio.size, np.float32)
    ramp[:count] = np.linspace(0, 1, count, dtype=np.float32)
    ramp[audio.size - count :] = ramp[:count][::-1]
    return audio * ramp
