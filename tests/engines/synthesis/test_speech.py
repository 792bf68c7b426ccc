from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import InvalidOutputError
from engines.synthesis import speech
from engines.synthesis.speech import F32, Chunk, Speech, listen


def _chunk(at_s: float, seconds: float) -> Chunk:
    return Chunk(at_s, np.ones(round(seconds * 1000), np.float32))


def _clock(monkeypatch: pytest.MonkeyPatch, *times: float) -> None:
    moments = iter(times)
    monkeypatch.setattr(speech.time, "perf_counter", lambda: next(moments))


def test_each_chunk_has_the_time_at_which_it_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    _clock(monkeypatch, 10.0, 10.5, 10.75, 11.0, 11.5)

    def engine() -> Iterator[F32]:
        yield np.zeros(0, np.float32)
        yield np.ones(3, np.float32)
        yield np.full(2, 0.5, np.float32)

    heard = listen(engine(), 5)
    assert [c.at_s for c in heard.chunks] == [0.75, 1.0]
    assert heard.done_s == 1.5
    assert heard.seconds == 1.0
    assert heard.audio.tolist() == [1, 1, 1, 0.5, 0.5]


def test_two_channels_are_refused() -> None:
    with pytest.raises(InvalidOutputError, match=r"shape \(2, 8\)"):
        listen([np.ones((2, 8), np.float32)], 8)


def test_nothing_is_an_empty_speech() -> None:
    heard = listen([], 8000)
    assert (heard.seconds, heard.audio.size, heard.stall_s) == (0, 0, 0)


def test_audio_that_comes_in_time_does_not_stall() -> None:
    assert Speech((_chunk(1.0, 0.5), _chunk(1.2, 0.5), _chunk(2.0, 0.1)), 1000, 2.0).stall_s == 0


def test_waiting_for_the_next_chunk_is_silence_in_the_speech() -> None:
    late = Speech((_chunk(1.0, 0.5), _chunk(1.75, 0.5), _chunk(2.5, 0.5)), 1000, 2.5)
    assert late.stall_s == pytest.approx(0.25 + 0.25)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.001, 3)), min_size=1, max_size=8))
def test_a_listener_waits_no_longer_than_the_last_chunk_takes(parts: list[tuple[float, float]]) -> None:
    times = np.cumsum([gap for gap, _ in parts])
    heard = Speech(tuple(_chunk(float(t), s) for t, (_, s) in zip(times, parts, strict=True)), 1000, float(times[-1]))
    assert 0 <= heard.stall_s <= times[-1] - times[0] + 1e-9


def test_the_pattern_counts_runs_of_equal_chunks() -> None:
    sizes = [512, 256, 256, 256, 17]
    heard = Speech(tuple(Chunk(0.0, np.ones(n, np.float32)) for n in sizes), 22050, 1.0)
    assert heard.pattern == "512 3×256 17 of 22050 Hz"
