"""The spaces of speech synthesis: what they hold, what is off and why."""

from __future__ import annotations

import pytest

from engines.espeak.library import DEFAULT_MODE, LEAST_BUFFER_MS, MODES
from engines.synthesis.splitting import FIRST_CHUNK, SPLIT
from search_spaces.errors import TunerError
from search_spaces.narrowing import narrow
from search_spaces.parameter import Choices, Value
from search_spaces.space import SearchSpace
from search_spaces.template import load_template


def kokoro(**facts: Value) -> SearchSpace:
    return load_template("tts_kokoro").bind({"cpu_cores": 4, **facts})


def _values(space: SearchSpace, knob: str) -> tuple[Value, ...]:
    (found,) = (p for p in space.parameters if p.name == knob)
    assert isinstance(found.domain, Choices)
    return found.domain.values


@pytest.mark.parametrize("space", ["tts_espeak", "tts_kokoro"])
def test_the_splitter_knows_every_value(space: str) -> None:
    bound = load_template(space).bind({"cpu_cores": 4})
    assert set(_values(bound, "split")) == set(SPLIT)
    asked = narrow(bound, {}, {"first_chunk": Choices(FIRST_CHUNK)}, {})
    assert set(_values(asked, "first_chunk")) == set(FIRST_CHUNK)
    assert "first_words" in {p.name for p in asked.parameters}
    assert "first_words" not in bound.baseline
    assert (bound.baseline["split"], bound.baseline["first_chunk"]) == ("none", "same")


def test_kokoro_breaks_off_within_a_phrase_only_where_it_is_asked_for() -> None:
    """No metric hears that; espeak's distance from the whole text does."""
    assert set(_values(kokoro(), "first_chunk")) == {"same", "clause"}
    assert narrow(kokoro(), {"first_chunk": "words"}, {}, {}).baseline["first_words"] == 4
    asked = narrow(kokoro(), {"first_chunk": "words", "first_words": 6}, {}, {})
    assert asked.baseline["first_words"] == 6
    with pytest.raises(TunerError, match="first_words was set but has no effect"):
        narrow(kokoro(), {"first_words": 6}, {}, {})
    with pytest.raises(TunerError, match="same, clause or words"):
        narrow(kokoro(), {"first_chunk": "letters"}, {}, {})


def test_espeak_s_modes_and_buffers() -> None:
    space = load_template("tts_espeak").bind({})
    assert set(_values(space, "mode")) == set(MODES)
    assert space.baseline["mode"] == DEFAULT_MODE
    assert space.baseline["buffer_ms"] == LEAST_BUFFER_MS
    with pytest.raises(TunerError):
        narrow(space, {"buffer_ms": 20}, {}, {})


def test_what_is_off_on_a_cpu_without_phrases() -> None:
    off = kokoro(cached_texts=0).off
    assert set(off) == {"provider", "phrase_cache", "first_words"}
    assert "pip install onnxruntime-gpu" in off["provider"]
    assert "phrase" in off["phrase_cache"]
    assert set(kokoro(providers="cpu,cuda").off) == {"first_words"}
    assert _values(kokoro(providers="cpu,cuda"), "provider") == ("cpu", "cuda")


def test_threads_reach_from_the_library_s_choice_to_all_cores() -> None:
    (threads,) = (p for p in kokoro(cpu_cores=2).parameters if p.name == "intra_op_threads")
    assert threads.default == 0
    narrow(kokoro(cpu_cores=2), {"intra_op_threads": 8}, {}, {})
    with pytest.raises(TunerError):
        narrow(kokoro(cpu_cores=2), {"intra_op_threads": -1}, {}, {})


def test_operators_run_at_the_same_time_on_the_cpu_alone() -> None:
    """onnxruntime has no parallel execution on a GPU; with one provider alone the knobs are there all the same."""
    both, alone = kokoro(providers="cpu,cuda"), kokoro(providers="cpu")
    for space in (both, alone):
        assert space.canonical({"execution_mode": "parallel"})["inter_op_threads"] == 4
    assert "execution_mode" in kokoro(cpu_cores=1).off
    on_gpu = both.canonical({"provider": "cuda", "execution_mode": "parallel", "inter_op_threads": 2})
    assert not {"execution_mode", "inter_op_threads"} & set(on_gpu)
