"""Speech from espeak-ng, from which the embedded speech model learns (needs `espeakng-loader` and `soxr`)."""

from __future__ import annotations

import ctypes
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.embedded.log_mel import SAMPLE_RATE
from engines.embedded.skills import pick

ACCENTS = (
    "en-us", "en", "en-gb-x-rp", "en-gb-scotland", "en-029", "en-us-nyc", "en-gb-x-gbcwmd", "en-gb-x-gbclan",
)  # fmt: skip
TRAINED_VARIANTS = (
    "m1", "m2", "m3", "m4", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "Alex", "Alicia", "Andrea", "Annie", "Denis",
    "Gene", "Henrique", "Hugo", "Jacky", "Lee", "Marco", "Mario", "Mike", "Nguyen", "Reed", "adam", "anika", "antonio",
    "aunty", "belinda", "benjamin", "boris", "caleb", "ed", "edward", "grandma", "grandpa", "gustave", "ian", "iven",
    "john", "max", "miguel", "norbert", "pablo", "paul", "pedro", "quincy", "rob", "robert", "sandro", "shelby",
    "steph2", "victor", "zac",
)  # fmt: skip
HELD_OUT_VARIANTS = ("m5", "f5", "Andy", "Michael", "david", "linda", "steph", "travis")
"""Voices that training never hears."""

_SYNCHRONOUS = 2
_UTF8 = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
"""Numbers of espeak-ng's speak_lib.h."""
_AUDIBLE = 0.01
"""Share of the peak below which the ends of an utterance count as silence."""


@dataclass(frozen=True)
class Voice:
    """Who speaks, and how: words a minute, pitch and liveliness (0 to 99), and a stretch that moves the formants."""

    accent: str
    variant: str
    words_a_minute: int
    pitch: int
    liveliness: int
    stretch: float


def draw_voice(rng: random.Random, held_out: bool = False) -> Voice:
    """A random voice from one side of the split."""
    variants = HELD_OUT_VARIANTS if held_out else TRAINED_VARIANTS
    return Voice(
        accent=ACCENTS[pick(rng, len(ACCENTS))],
        variant=variants[pick(rng, len(variants))],
        words_a_minute=135 + pick(rng, 66),
        pitch=30 + pick(rng, 41),
        liveliness=35 + pick(rng, 41),
        stretch=0.94 + 0.12 * rng.random(),
    )


class Espeak:
    """One voice at a time: the library has a single state for the process."""

    def __init__(self) -> None:
        import espeakng_loader

        self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        path = espeakng_loader.get_data_path().encode()
        self._rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, path, 0))
        if self._rate <= 0:
            raise RuntimeError(f"espeak-ng does not start with its data in {path.decode()}")
        self._chunks: list[bytes] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        # The library holds a bare pointer: the wrapper object must outlive it.
        self._callback = kind(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, voice: Voice) -> NDArray[np.int16]:
        """`text` at SAMPLE_RATE, without the silence before and after it."""
        import soxr

        name = f"{voice.accent}+{voice.variant}".encode()
        if self._library.espeak_SetVoiceByName(name):
            raise ValueError(f"espeak-ng has no voice {name.decode()}")
        for parameter, value in ((_RATE, voice.words_a_minute), (_PITCH, voice.pitch), (_RANGE, voice.liveliness)):
            self._library.espeak_SetParameter(parameter, value, 0)
        data = text.encode()
        self._chunks.clear()
        self._library.espeak_Synth(data, len(data) + 1, 0, 0, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        raw = np.frombuffer(b"".join(self._chunks), np.int16)
        audio = soxr.resample(raw, self._rate, round(SAMPLE_RATE * voice.stretch))
        loud = np.flatnonzero(np.abs(audio.astype(np.int32)) > _AUDIBLE * np.abs(audio.astype(np.int32)).max())
        return np.asarray(audio[loud[0] : loud[-1] + 1], np.int16)

    def _receive(self, samples: Any, count: int, events: object) -> int:
        if count > 0:
            self._chunks.append(ctypes.string_at(samples, 2 * count))
        return 0
