from __future__ import annotations

import numpy as np
import pytest

from engines.synthesis.comparison import Distance, distance, features, judged, peak_power
from engines.synthesis.speech import F32
from tests.engines.synthesis.voices import RATE, spoken


def _metrics(candidate: F32, reference: F32) -> dict[str, float]:
    peak = peak_power(reference, RATE)
    return distance(features(candidate, RATE, peak), features(reference, RATE, peak)).metrics(1)


def test_the_same_audio_has_no_distance() -> None:
    assert _metrics(spoken(1.5), spoken(1.5)) == {"mel_distance_db": 0, "f0_rmse_hz": 0, "duration_ratio": 1}


def test_the_pitch_error_is_in_hertz() -> None:
    found = _metrics(spoken(1.5, 140.0), spoken(1.5, 120.0))
    assert found["f0_rmse_hz"] == pytest.approx(20, abs=2)
    assert found["duration_ratio"] == 1


def test_noise_moves_the_spectrum_the_more_the_louder_it_is() -> None:
    noise = np.random.default_rng(1).standard_normal(round(1.5 * RATE)).astype(np.float32)
    soft, loud = (_metrics(spoken(1.5) + level * noise, spoken(1.5))["mel_distance_db"] for level in (0.001, 0.05))
    assert 0 < soft < loud


def test_length_counts_in_either_direction() -> None:
    longer, shorter = _metrics(spoken(2.0), spoken(1.0)), _metrics(spoken(1.0), spoken(2.0))
    assert longer["duration_ratio"] == pytest.approx(2, rel=0.02)
    assert shorter["duration_ratio"] == pytest.approx(longer["duration_ratio"])


def test_a_pause_more_is_less_far_than_another_voice() -> None:
    audio = spoken(2.0)
    paused = np.concatenate([audio[: RATE // 2], np.zeros(RATE // 10, np.float32), audio[RATE // 2 :]])
    assert _metrics(paused, audio)["mel_distance_db"] < _metrics(spoken(2.0, 180.0), audio)["mel_distance_db"] / 2


def test_audio_without_a_voice_has_no_pitch_error() -> None:
    found = _metrics(np.zeros(RATE, np.float32), spoken(1.0))
    assert "f0_rmse_hz" not in found
    assert found["mel_distance_db"] > 0


def test_levels_are_relative_to_the_reference() -> None:
    """Half as loud is 6 dB away, wherever it is above the floor."""
    reference = features(spoken(1.5), RATE, 1.0)
    softer = features(0.5 * spoken(1.5), RATE, 1.0)
    loud = reference.mel_db > -60
    assert np.median((reference.mel_db - softer.mel_db)[loud]) == pytest.approx(6.02, abs=0.05)


def test_texts_weigh_by_their_frames() -> None:
    short, long = Distance(100.0, 1, 0.0, 0, 0.0), Distance(0.0, 99, 50.0, 2, 0.2)
    found = judged([short, long])
    assert found["mel_distance_db"] == 1.0
    assert found["f0_rmse_hz"] == 5.0
    assert found["duration_ratio"] == pytest.approx(np.exp(0.1))


def test_the_worst_text_is_told_beside_the_mean() -> None:
    """One of five that is cut off, and another of five that is garbled, would be lost in the mean."""
    good, cut, garbled = Distance(100.0, 100, 0, 0, 0.0), Distance(100.0, 100, 0, 0, 0.28), Distance(4e4, 100, 0, 0, 0)
    found = judged([good, good, cut, good, garbled])
    assert found["duration_ratio_worst"] == pytest.approx(np.exp(0.28))
    assert found["mel_distance_db_worst"] == 20
    assert found["duration_ratio"] < 1.06
    assert found["mel_distance_db"] < 10
