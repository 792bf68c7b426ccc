"""The reference configuration's audio of each text, and its features: made once, kept in the cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.base import Model, Progress
from engines.cache import cache_root, make_once
from engines.errors import InvalidOutputError
from engines.synthesis.comparison import Features, features, peak_power
from engines.synthesis.gate import check_sound
from engines.synthesis.speech import F32, Speech

FORMAT_VERSION = 1


def no_reference(error: InvalidOutputError) -> InvalidOutputError:
    """`error`, said of the reference: the configuration that all are compared with does not speak."""
    return InvalidOutputError(
        f"the reference for quality does not speak: {error.message}", "use another model or voice"
    )


@dataclass(frozen=True)
class Reference:
    """Audio and its features; `peak_power` is what levels are relative to, those of a candidate too."""

    audio: F32
    sample_rate: int
    peak_power: float
    features: Features

    @property
    def seconds(self) -> float:
        """The length."""
        return self.audio.size / self.sample_rate


@dataclass(frozen=True)
class References:
    """Those of one model by text. `build` identifies the engine, `how` what its reference configuration is."""

    model: Model
    build: Mapping[str, str]
    how: Mapping[str, object]

    def file(self, text: str) -> Path:
        """Where the reference of `text` lies."""
        key = [FORMAT_VERSION, self.model.digest, self.model.reference, dict(self.build), dict(self.how), text]
        digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()
        return cache_root() / "speech" / f"{digest[:32]}.npz"

    def missing(self, texts: Sequence[str]) -> list[str]:
        """Those of `texts` that have none yet."""
        return [text for text in texts if not self.file(text).exists()]

    def make(self, texts: Sequence[str], speak: Callable[[str], Speech], progress: Progress) -> None:
        """Make those that are missing; `speak` is the reference configuration.

        What is no sound is not kept: every configuration would be judged by it. Raises EngineError, CacheError.
        """
        missing = self.missing(texts)
        for number, text in enumerate(missing, start=1):
            progress(f"speaking the reference {number} of {len(missing)}")
            speech = speak(text)
            try:
                check_sound(speech.audio, speech.sample_rate, text)
            except InvalidOutputError as error:
                raise no_reference(error) from error
            self._write(text, speech.audio, speech.sample_rate)

    def _write(self, text: str, audio: F32, sample_rate: int) -> None:
        import numpy as np

        peak = peak_power(audio, sample_rate)
        found = features(audio, sample_rate, peak)

        def write(temporary: Path) -> None:
            with temporary.open("wb") as file:
                np.savez(
                    file, audio=audio, sample_rate=sample_rate, peak_power=peak, mel_db=found.mel_db,
                    pitch_hz=found.pitch_hz,
                )  # fmt: skip

        make_once(self.file(text), 2 * audio.nbytes, write)

    def read(self, text: str) -> Reference | None:
        """The reference of `text`, or None when it was not made."""
        import numpy as np

        if not self.file(text).exists():
            return None
        with np.load(self.file(text), allow_pickle=False) as stored:
            return Reference(
                stored["audio"],
                int(stored["sample_rate"]),
                float(stored["peak_power"]),
                Features(stored["mel_db"], stored["pitch_hz"]),
            )
