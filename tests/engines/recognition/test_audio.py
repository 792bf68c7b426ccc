from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engines.recognition import audio as audio_module
from engines.recognition.audio import SAMPLE_RATE, AudioError, audio_facts, load_audio
from tests.engines.recognition.conftest import tone, write_wav


@pytest.mark.parametrize(("suffix", "rate"), [("wav", 8000), ("flac", 44100), ("ogg", 48000), ("mp3", 22050)])
def test_any_format_and_rate_becomes_one_channel_at_16_khz(tmp_path: Path, suffix: str, rate: int) -> None:
    path = tmp_path / f"tone.{suffix}"
    sine = tone(1.0, rate)
    soundfile.write(path, np.stack([sine, sine], axis=1), rate)
    heard = load_audio(path)
    assert heard.dtype == np.float32
    assert heard.ndim == 1
    assert heard.size == pytest.approx(SAMPLE_RATE, rel=0.1)  # MP3 pads its frames
    spectrum = np.abs(np.fft.rfft(heard[:SAMPLE_RATE]))
    assert np.argmax(spectrum) * SAMPLE_RATE / heard[:SAMPLE_RATE].size == pytest.approx(440, abs=3)
    assert np.abs(heard).max() == pytest.approx(0.2, rel=0.15)


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = tone(0.5), np.zeros(8000, np.float32)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], axis=1), SAMPLE_RATE, subtype="FLOAT")
    np.testing.assert_allclose(load_audio(tmp_path / "a.wav"), left / 2, atol=1e-6)


def _message(path: Path) -> str:
    with pytest.raises(AudioError) as caught:
        load_audio(path)
    assert caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint
    return caught.value.message


def test_a_file_that_is_missing_empty_or_no_audio_is_one_line(tmp_path: Path) -> None:
    assert "there is no audio file" in _message(tmp_path / "none.wav")
    (tmp_path / "empty.wav").touch()
    assert "is an empty file" in _message(tmp_path / "empty.wav")
    (tmp_path / "text.wav").write_text("this is no sound, only words about it\n" * 20)
    assert "cannot be decoded" in _message(tmp_path / "text.wav")


def test_a_file_without_sound_is_one_line(tmp_path: Path) -> None:
    assert "0 samples" in _message(write_wav(tmp_path / "none.wav", tone(0.0)))
    assert "ms long" in _message(write_wav(tmp_path / "short.wav", tone(0.05)))
    assert "is silent" in _message(write_wav(tmp_path / "silent.wav", np.zeros(16000, np.float32)))


def test_a_file_of_an_hour_is_told_by_its_header_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_wav(tmp_path / "long.wav", np.zeros(8000 * 3600, np.float32), rate=8000)
    monkeypatch.setattr(soundfile, "read", None)
    assert "60 minutes long" in _message(path)
    assert audio_module.LONGEST_S < 3600


def test_samples_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    broken = tone(0.5)
    broken[100] = math.nan
    soundfile.write(tmp_path / "nan.wav", broken, SAMPLE_RATE, subtype="FLOAT")
    assert "no numbers" in _message(tmp_path / "nan.wav")


def test_a_name_that_promises_another_format_is_noticed(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", tone(0.5), SAMPLE_RATE)
    (tmp_path / "a.flac").rename(tmp_path / "a.wav")
    assert audio_facts(tmp_path / "a.wav").mislabelled == "FLAC"
    soundfile.write(tmp_path / "b.wav", tone(0.5), SAMPLE_RATE)
    assert audio_facts(tmp_path / "b.wav").mislabelled == ""
