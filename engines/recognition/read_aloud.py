"""The shipped texts, read by a published voice: for models that know real speech, where the user has no recordings.

What ships is spoken by espeak-ng, which the shipped model was trained on and a published one hardly understands. A
neural voice is nearer to a person, and what it reads is known word by word.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from engines.base import Progress
from engines.cache import make_once
from engines.recognition.audio import F32, SAMPLE_RATE
from engines.recognition.clips import read_aloud_file
from engines.registry import load_engine
from search_spaces.errors import TunerError, unknown_name

PAUSE_S = 0.2
"""Of silence after each text in the file."""
_FORMAT_VERSION = 1
_BYTES_A_TEXT = 100 * 1024


class Speech(Protocol):
    """What was said."""

    @property
    def audio(self) -> F32:
        """(samples,) within ±1."""
        ...

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        ...


@runtime_checkable
class Speaker(Protocol):
    """A session that speaks."""

    def listen(self, text: str) -> Speech:
        """What it makes of a text, from a clean state."""
        ...

    def close(self) -> None:
        """Free everything."""
        ...


@dataclass(frozen=True)
class ReadText:
    """Where in the file a text is read."""

    start_s: float
    seconds: float


def read_aloud(name: str, texts: Sequence[str], progress: Progress) -> tuple[str, list[ReadText]]:
    """The digest of the file in which the published voice `name` reads the texts, and where each of them is in it.

    Made once. Raises TunerError where there is no such voice, MissingModelError where it was not fetched, and
    MissingLibraryError where its engine is not installed.
    """
    from engines.published.catalogue import catalogue  # not above: it imports pydantic
    from engines.published.places import options_for

    voices = {weights.name: weights for weights in catalogue().values() if weights.task == "tts" and weights.engines}
    if name not in voices:
        raise unknown_name("workload.voice", name, voices)
    engine = load_engine(next(iter(voices[name].engines)))
    model = engine.resolve_model(dict(options_for(voices[name], engine.name)), progress)
    key = [_FORMAT_VERSION, engine.name, engine.capabilities().build["version"], model.digest, list(texts)]
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]

    def make(path: Path) -> None:
        progress(f"{name} reads {len(texts)} texts aloud")
        session = engine.open(model, {})
        if not isinstance(session, Speaker):
            raise TunerError(f"{engine.name} gives no audio of a text", f"choose another of {', '.join(voices)}")
        try:
            _write(path, _places(read_aloud_file(digest)), [_spoken(session, text) for text in texts])
        finally:
            session.close()

    file = make_once(read_aloud_file(digest), _BYTES_A_TEXT * len(texts), make)
    return digest, [ReadText(**place) for place in json.loads(_places(file).read_text(encoding="utf-8"))]


def _places(file: Path) -> Path:
    return file.with_suffix(".json")


def _spoken(session: Speaker, text: str) -> F32:
    import soxr

    speech = session.listen(text)
    audio: F32 = soxr.resample(speech.audio, speech.sample_rate, SAMPLE_RATE)
    return audio


def _write(path: Path, places: Path, spoken: Sequence[F32]) -> None:
    """The sounds one after the other, and before them, so that they are there when the file is, their places."""
    import numpy as np
    import soundfile

    pause, found, start = np.zeros(round(PAUSE_S * SAMPLE_RATE), np.float32), [], 0
    for audio in spoken:
        found.append({"start_s": start / SAMPLE_RATE, "seconds": audio.size / SAMPLE_RATE})
        start += audio.size + pause.size
    places.write_text(json.dumps(found), encoding="utf-8")
    whole = np.concatenate([part for audio in spoken for part in (audio, pause)])
    soundfile.write(path, np.clip(whole, -1.0, 1.0), SAMPLE_RATE, format="FLAC", subtype="PCM_16")
