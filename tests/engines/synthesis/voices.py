"""Made-up speech for the tests: syllables of a harmonic tone with pauses between them."""

from __future__ import annotations

import numpy as np

from engines.synthesis.speech import F32

RATE = 16000


def spoken(seconds: float, pitch_hz: float = 120.0, rate: int = RATE) -> F32:
    """Syllables of 0.2 s at a peak of 0.5, a fifth of each a pause."""
    time = np.arange(round(seconds * rate)) / rate
    wave = sum(np.sin(2 * np.pi * pitch_hz * n * time) / n for n in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * 5.0 * time) + 0.6, 0, 1)
    return (0.5 * wave * syllables / np.abs(wave).max()).astype(np.float32)
