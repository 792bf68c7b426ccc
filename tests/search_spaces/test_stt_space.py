"""The space of speech recognition: what it holds, what is off and why, and that its defaults are the library's."""

from __future__ import annotations

import pytest

from engines.whisper_cpp.library import binding
from search_spaces.errors import TunerError
from search_spaces.narrowing import narrow
from search_spaces.parameter import Choices, Value
from search_spaces.space import SearchSpace
from search_spaces.sweep_syntax import parse_domain
from search_spaces.template import load_template

ONLY_ASKED = {"single_segment", "no_timestamps", "max_tokens", "n_max_text_ctx"}
"""What can cut or change answers on longer input."""


def stt(**facts: Value) -> SearchSpace:
    return load_template("stt").bind({"cpu_cores": 4, "default_n_threads": 4, **facts})


def test_what_is_off_without_a_gpu_and_a_voice_activity_model() -> None:
    off = stt().off
    assert set(off) == {"use_gpu", "gpu_device", "vad", *ONLY_ASKED}
    assert "tuner doctor gives the command that rebuilds it" in off["use_gpu"]
    assert set(stt(gpu_count=2, gpu_offload=True, vad=True).off) == ONLY_ASKED


def test_a_model_of_one_precision_fixes_it() -> None:
    space = stt(quantizations="Q5_1", native_quantization="Q5_1")
    assert "one precision" in space.off["quantization"]


def test_the_baseline_is_the_library_s() -> None:
    library = binding()
    greedy = library.whisper_full_default_params(library.whisper_sampling_strategy.WHISPER_SAMPLING_GREEDY)
    beam = library.whisper_full_default_params(library.whisper_sampling_strategy.WHISPER_SAMPLING_BEAM_SEARCH)
    context = library.whisper_context_default_params()
    space = stt(
        default_n_threads=greedy.n_threads, default_flash_attn=context.flash_attn, gpu_count=2, gpu_offload=True
    )
    baseline = space.baseline
    for knob in ("n_threads", "single_segment", "no_timestamps", "max_tokens", "n_max_text_ctx"):
        assert baseline[knob] == getattr(greedy, knob), knob
    for knob in ("flash_attn", "use_gpu", "gpu_device"):
        assert baseline[knob] == getattr(context, knob), knob
    assert baseline["best_of"] == greedy.greedy["best_of"]
    assert (baseline["audio_ctx"], greedy.audio_ctx) == ("full", 0)
    assert (baseline["decoding"], baseline["temperature_fallback"]) == ("greedy", greedy.temperature_inc > 0)
    beams = next(p for p in space.parameters if p.name == "beam_size")
    assert beams.default == beam.beam_search["beam_size"]


def test_stock_is_what_whisper_cli_does() -> None:
    """Its own defaults are those of the library's two strategies, and it takes beams where there is more than one."""
    library = binding()
    greedy = library.whisper_full_default_params(library.whisper_sampling_strategy.WHISPER_SAMPLING_GREEDY)
    beam = library.whisper_full_default_params(library.whisper_sampling_strategy.WHISPER_SAMPLING_BEAM_SEARCH)
    space = stt(cpu_cores=16, default_best_of=greedy.greedy["best_of"])
    stock = space.stock_configuration()
    assert (stock["decoding"], stock["beam_size"], stock["best_of"], stock["n_threads"]) == ("beam", 5, 5, 4)
    assert (beam.beam_search["beam_size"], greedy.greedy["best_of"]) == (5, 5)
    assert dict(space.baseline) == {n: v for n, v in {**stock, "decoding": "greedy"}.items() if n != "beam_size"}


def test_stock_stays_whisper_cli_s_where_another_baseline_is_named() -> None:
    space = narrow(stt(), {}, {}, {"n_threads": 1, "best_of": 1, "decoding": "beam", "beam_size": 2})
    stock = space.stock_configuration()
    assert (stock["n_threads"], stock["best_of"], stock["beam_size"]) == (4, 5, 5)
    fixed = narrow(stt(), {"decoding": "greedy"}, {}, {})
    assert fixed.stock_configuration() == dict(fixed.baseline)


def test_knobs_that_mean_nothing_are_not_there() -> None:
    baseline = stt().baseline
    assert "audio_headroom_ms" not in baseline
    assert "beam_size" not in baseline


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("audio_ctx", "half"),
        ("audio_ctx", 99999),
        ("audio_ctx", 1501),
        ("n_threads", 0),
        ("beam_size", 9),
        ("max_tokens", 500),
    ],
)
def test_values_that_whisper_cpp_would_refuse(knob: str, value: Value) -> None:
    with pytest.raises(TunerError):
        narrow(stt(), {"decoding": "beam", knob: value}, {}, {})


@pytest.mark.parametrize("value", ["512", 512, "1500", 1])
def test_a_number_of_positions_is_a_context(value: Value) -> None:
    assert narrow(stt(), {"audio_ctx": value}, {}, {}).baseline["audio_ctx"] == str(value)


def test_contexts_can_be_swept() -> None:
    swept = narrow(stt(), {}, {"audio_ctx": parse_domain("audio_ctx", "choice(clip,256,512)")}, {})
    (knob,) = (p for p in swept.parameters if p.name == "audio_ctx")
    assert knob.domain == Choices(("clip", "256", "512"))


def test_what_can_cut_longer_input_is_searched_only_where_asked_for() -> None:
    space = stt()
    assert all("searched only where space." in space.off[knob] for knob in ONLY_ASKED)
    asked = narrow(space, {}, {"max_tokens": parse_domain("max_tokens", "choice(0,32)")}, {})
    assert "max_tokens" in {knob.name for knob in asked.parameters}
