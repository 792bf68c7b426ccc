from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.whisper_cpp.settings import FLASH_STEP, KNOBS, STEP, arguments, audio_ctx
from search_spaces.errors import TunerError
from search_spaces.template import load_template

FACTS = {"cpu_cores": 4, "default_n_threads": 4, "gpu_count": 2, "gpu_offload": True, "vad": True}


def test_every_knob_of_the_space_is_one_of_the_engine() -> None:
    space = load_template("stt").bind(FACTS)
    assert {parameter.name for parameter in space.knobs} == set(KNOBS)


def test_the_names_of_the_library() -> None:
    asked = arguments(
        {"n_threads": 3, "flash_attn": False, "use_gpu": True, "gpu_device": 1, "n_processors": 2, "decoding": "beam",
         "beam_size": 3, "best_of": 2, "temperature_fallback": False, "vad": True, "quantization": "Q8_0"},
        "de", "/vad.bin",
    )  # fmt: skip
    assert asked.call == {"n_processors": 2}
    assert {k: v for k, v in asked.model.items() if not k.startswith("print_")} == {
        "params_sampling_strategy": 1,
        "context_params": {"use_gpu": True, "flash_attn": False, "gpu_device": 1},
        "n_threads": 3,
        "vad": True,
        "beam_search": {"beam_size": 3, "patience": -1.0},
        "greedy": {"best_of": 2},
        "temperature_inc": 0.0,
        "vad_model_path": "/vad.bin",
        "language": "de",
    }


def test_a_knob_that_is_absent_is_left_to_the_library() -> None:
    asked = arguments({}, "en", "")
    assert asked.call == {}
    assert {k for k in asked.model if not k.startswith("print_")} == {"params_sampling_strategy", "language"}


def test_an_unknown_knob_names_the_nearest() -> None:
    with pytest.raises(TunerError) as caught:
        arguments({"n_thread": 2}, "en", "")
    assert "n_threads" in caught.value.hint


@given(st.floats(0.1, 30.0), st.integers(0, 4000), st.booleans())
def test_a_clip_has_its_headroom_in_whole_steps(seconds: float, headroom_ms: int, flash: bool) -> None:
    params = {"audio_ctx": "clip", "audio_headroom_ms": headroom_ms, "flash_attn": flash}
    positions = audio_ctx(params, seconds, 1500)
    if positions == 0:
        assert (seconds + headroom_ms / 1000) * 50 > 1500 - FLASH_STEP
    else:
        assert positions % (FLASH_STEP if flash else STEP) == 0
        assert (seconds + headroom_ms / 1000) * 50 <= positions < 1500


def test_what_does_not_fit_a_window_needs_all_of_it() -> None:
    assert audio_ctx({"audio_ctx": "clip"}, 31.0, 1500) == 0
    assert audio_ctx({"audio_ctx": "full"}, 1.0, 1500) == 0
    assert audio_ctx({}, 1.0, 1500) == 0
    assert audio_ctx({"audio_ctx": "512"}, 1.0, 1500) == 512


@pytest.mark.parametrize("value", ["0", "1501", "none", "-3"])
def test_an_impossible_context_is_refused(value: str) -> None:
    with pytest.raises(TunerError, match="audio_ctx is"):
        audio_ctx({"audio_ctx": value}, 1.0, 1500)
