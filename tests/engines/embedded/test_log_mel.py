from __future__ import annotations

import numpy as np
import pytest

from engines.embedded.log_mel import FFT_SIZE, HOP, MEL_BANDS, SAMPLE_RATE, log_mel, mel_filters


def _tone(hertz: float, seconds: float = 0.5) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(np.float32)


def test_the_filters_are_triangles_of_unit_area() -> None:
    filters = mel_filters()
    assert filters.shape == (MEL_BANDS, FFT_SIZE // 2 + 1)
    wide = filters[40:]  # narrow ones are sampled too coarsely for their sum to tell
    np.testing.assert_allclose(wide.sum(1) * SAMPLE_RATE / FFT_SIZE, 1.0, rtol=0.08)
    # The first filter's peak in the file that OpenAI ships.
    assert filters[0].max() == pytest.approx(0.02486, rel=1e-3)


@pytest.mark.parametrize("hertz", [250.0, 1000.0, 3000.0, 6000.0])
def test_a_tone_is_in_its_band(hertz: float) -> None:
    band = int(log_mel(_tone(hertz), 50)[:, 20].argmax())
    centre = float(np.average(np.arange(FFT_SIZE // 2 + 1), weights=mel_filters()[band])) * SAMPLE_RATE / FFT_SIZE
    assert centre == pytest.approx(hertz, rel=0.08)


def test_silence_after_the_end_is_the_floor() -> None:
    mel = log_mel(_tone(1000.0), 200)
    assert mel.shape == (MEL_BANDS, 200)
    floor = mel.max() - 2.0  # eight decades, divided by four
    np.testing.assert_allclose(mel[:, 60:], floor, atol=1e-5)
    assert mel.min() == pytest.approx(floor, abs=1e-5)


def test_loudness_shifts_everything_alike() -> None:
    loud, quiet = log_mel(_tone(1000.0), 50), log_mel(_tone(1000.0) / 10, 50)
    np.testing.assert_allclose(loud - quiet, 0.5, atol=1e-3)  # 20 dB are two decades of power


def test_a_frame_is_centred_on_its_hop() -> None:
    click = np.zeros(2 * SAMPLE_RATE, np.float32)
    click[100 * HOP] = 1.0
    assert int(log_mel(click, 100 + 50).max(0).argmax()) == 100
