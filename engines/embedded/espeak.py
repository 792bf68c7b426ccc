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
_WORD_EVENT = 1
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
    words_per_minute: int
    pitch: int
    liveliness: int
    stretch: float


def draw_voice(rng: random.Random, held_out: bool = False) -> Voice:
    """A random voice from one side of the split."""
    variants = HELD_OUT_VARIANTS if held_out else TRAINED_VARIANTS
    return Voice(
        accent=ACCENTS[pick(rng, len(ACCENTS))],
        variant=variants[pick(rng, len(variants))],
        words_per_minute=135 + pick(rng, 66),
        pitch=30 + pick(rng, 41),
        liveliness=35 + pick(rng, 41),
        stretch=0.94 + 0.12 * rng.random(),
    )


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


@dataclass(frozen=True)
class Speech:
    """Sound at SAMPLE_RATE without silence around it, and the second in it at which each word begins."""

    audio: NDArray[np.int16]
    begins_s: tuple[float, ...]


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
        self._words: list[tuple[int, int]] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
        # The library holds a bare pointer: the wrapper object must outlive it.
        self._callback = kind(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, voice: Voice) -> Speech:
        """`text`, whose words are separated by single spaces, in a voice. Raises ValueError for an unknown one."""
        import soxr

        name = f"{voice.accent}+{voice.variant}".encode()
        if self._library.espeak_SetVoiceByName(name):
            raise ValueError(f"espeak-ng has no voice {name.decode()}")
        for parameter, value in ((_RATE, voice.words_per_minute), (_PITCH, voice.pitch), (_RANGE, voice.liveliness)):
            self._library.espeak_SetParameter(parameter, value, 0)
        data = text.encode()
        self._chunks.clear()
        self._words.clear()
        self._library.espeak_Synth(data, len(data) + 1, 0, 0, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        raw = np.frombuffer(b"".join(self._chunks), np.int16)
        audio = soxr.resample(raw, self._rate, round(SAMPLE_RATE * voice.stretch))
        loud = np.flatnonzero(np.abs(audio.astype(np.int32)) > _AUDIBLE * np.abs(audio.astype(np.int32)).max())
        begins = self._begins(text, voice.stretch / self._rate, int(loud[0]) / SAMPLE_RATE)
        return Speech(np.asarray(audio[loud[0] : loud[-1] + 1], np.int16), begins)

    def _begins(self, text: str, seconds_a_sample: float, trimmed_s: float) -> tuple[float, ...]:
        """When each word begins; a word without an event of its own begins with the next."""
        words = text.split(" ")
        places = [sum(len(word) + 1 for word in words[:number]) for number in range(len(words))]
        begins, after = [0.0] * len(words), dict(reversed(self._words))
        latest = max(after.values(), default=0)
        for number in reversed(range(len(words))):
            latest = after.get(places[number], latest)
            begins[number] = max(0.0, latest * seconds_a_sample - trimmed_s)
        return tuple(begins)

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        if count > 0:
            self._chunks.append(ctypes.string_at(samples, 2 * count))
        number = 0
        while events and events[number].type != 0:
            if events[number].type == _WORD_EVENT:
                self._words.append((events[number].text_position - 1, events[number].sample))
            number += 1
        return 0
