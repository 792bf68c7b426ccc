from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import pytest

from engines.errors import EngineError, MissingLibraryError
from engines.espeak import library
from engines.espeak.library import LEAST_BUFFER_MS, MODES, RETRIEVAL, SYNCHRONOUS, Voice, has_voice, version

TEXT = "Wait for two minutes, and try again."


def _said(voice: Voice, text: str = TEXT) -> list[Any]:
    chunks: list[Any] = []
    voice.say(text, chunks.append)
    return chunks


@pytest.fixture(params=[RETRIEVAL, SYNCHRONOUS])
def voice(request: pytest.FixtureRequest) -> Any:
    made = Voice("en-us", 175, 50, request.param, LEAST_BUFFER_MS)
    yield made
    made.close()


def test_speech_comes_in_buffers_of_float32(voice: Voice) -> None:
    chunks = _said(voice)
    assert len(chunks) > 5
    assert all(chunk.dtype == np.float32 for chunk in chunks)
    assert max(chunk.size for chunk in chunks) == pytest.approx(voice.sample_rate * LEAST_BUFFER_MS / 1000, abs=2)
    assert 0.1 < max(np.abs(chunk).max() for chunk in chunks) <= 1


def test_without_a_new_beginning_the_same_text_differs_and_with_one_it_is_the_same(voice: Voice) -> None:
    def audio() -> bytes:
        return np.concatenate(_said(voice)).tobytes()

    assert audio() != audio()
    heard = []
    for _ in range(3):
        voice.renew()
        heard.append(audio())
        _said(voice, "Something else.")
    assert len(set(heard)) == 1


def test_the_call_ends_with_the_last_audio_and_does_not_wait_for_a_poll() -> None:
    """espeak_Synchronize looks again after 20 ms, and a short text is there within a few."""
    voice = Voice("en-us", 175, 50, RETRIEVAL, LEAST_BUFFER_MS)
    voice._library.espeak_Synchronize = lambda: pytest.fail("the text's end was polled for")
    heard: list[float] = []
    voice.say("Good morning.", lambda samples: heard.append(time.perf_counter()))
    said_at = time.perf_counter()
    voice.close()
    assert heard[-1] < said_at
    assert len(heard) > 5


def test_a_thread_of_the_library_s_says_the_same_as_the_caller_s() -> None:
    said = []
    for mode in MODES:
        voice = Voice("en-us", 175, 50, mode, LEAST_BUFFER_MS)
        said.append([np.concatenate(_said(voice, text)).tobytes() for text in (TEXT, "Yes.")])
        voice.close()
    assert said[0] == said[1]


def test_a_larger_buffer_means_fewer_chunks() -> None:
    counts = []
    for buffer_ms in (60, 500):
        made = Voice("en-us", 175, 50, SYNCHRONOUS, buffer_ms)
        counts.append(len(_said(made)))
        made.close()
    assert counts[0] > 4 * counts[1]


def test_rate_and_pitch_are_heard() -> None:
    lengths = {}
    for words_per_minute in (120, 300):
        made = Voice("en-us", words_per_minute, 50, SYNCHRONOUS, LEAST_BUFFER_MS)
        lengths[words_per_minute] = sum(chunk.size for chunk in _said(made))
        made.close()
    assert lengths[120] > 1.5 * lengths[300]


def test_voices_are_known_by_name() -> None:
    assert has_voice("de")
    assert has_voice("en-gb"), "a language, of a voice that is called otherwise"
    assert not has_voice("klingon-of-mars")
    with pytest.raises(EngineError, match="klingon"):
        Voice("klingon-of-mars", 175, 50, SYNCHRONOUS, LEAST_BUFFER_MS)


def test_the_version_is_espeak_ng_s() -> None:
    assert version().startswith("1.")


def test_a_missing_wheel_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(MissingLibraryError) as caught:
        library.library_file()
    assert "pip install" in caught.value.hint
