"""What whisper.cpp hears: the log-mel spectrogram of 16 kHz audio, as its `log_mel_spectrogram` computes it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16000
FFT_SIZE = 400
HOP = 160
MEL_BANDS = 80
FRAMES_A_SECOND = SAMPLE_RATE // HOP

F32 = NDArray[np.float32]


@lru_cache(maxsize=2)
def mel_filters(bands: int = MEL_BANDS) -> F32:
    """The filter bank (bands, FFT_SIZE / 2 + 1): triangles on Slaney's mel scale, each of unit area."""
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(SAMPLE_RATE / 2), bands + 2))
    bins = np.linspace(0.0, SAMPLE_RATE / 2, FFT_SIZE // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


def log_mel(audio: F32, frames: int) -> F32:
    """(MEL_BANDS, frames) of one recording that is silent after its end; `audio` is (samples,) within ±1.

    Frame i is centred on sample i × HOP, with the beginning mirrored. Values reach from (top − 8 + 4) / 4 to
    (top + 4) / 4, `top` being the recording's highest decimal logarithm of power.
    """
    samples = (frames - 1) * HOP + FFT_SIZE // 2
    padded = np.zeros(FFT_SIZE // 2 + max(samples, audio.size), np.float32)
    padded[FFT_SIZE // 2 : FFT_SIZE // 2 + audio.size] = audio
    padded[: FFT_SIZE // 2] = padded[FFT_SIZE : FFT_SIZE // 2 : -1]
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT_SIZE) / FFT_SIZE)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(padded, FFT_SIZE)[::HOP]
    power = np.abs(np.fft.rfft(windows * window, axis=1)).astype(np.float32) ** 2
    logs = np.log10(np.maximum(power @ mel_filters().T, 1e-10)).T
    logs = np.maximum(logs[:, :], logs.max() - 8.0)
    return np.ascontiguousarray((logs[:, :frames] + 4.0) / 4.0).astype(np.float32)


_LINEAR_STEP_HZ, _LOG_FROM_HZ = 200.0 / 3, 1000.0
_LOG_FROM_MEL = _LOG_FROM_HZ / _LINEAR_STEP_HZ
_LOG_STEP = np.log(6.4) / 27.0
"""Slaney's scale (Auditory Toolbox, 1998): linear to 1 kHz, then 27 logarithmic steps to 6.4 kHz."""


def _hz_to_mel(hz: float) -> float:
    if hz < _LOG_FROM_HZ:
        return hz / _LINEAR_STEP_HZ
    return float(_LOG_FROM_MEL + np.log(hz / _LOG_FROM_HZ) / _LOG_STEP)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = mel * _LINEAR_STEP_HZ
    return np.where(mel < _LOG_FROM_MEL, linear, _LOG_FROM_HZ * np.exp(_LOG_STEP * (mel - _LOG_FROM_MEL)))
