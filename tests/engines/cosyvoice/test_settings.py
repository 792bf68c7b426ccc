from dataclasses import fields
from typing import Any

import pytest

from engines.cosyvoice.engine import CosyVoiceEngine
from engines.cosyvoice.settings import FLOW, LLM, SPEED_ONLY, Settings
from search_spaces.errors import TunerError
from search_spaces.template import load_template


def test_every_knob_of_the_space_is_a_setting_and_the_other_way_round() -> None:
    assert {f.name for f in fields(Settings)} == set(load_template("tts_cosyvoice").knobs)


def test_the_defaults_are_those_of_the_space() -> None:
    space = load_template("tts_cosyvoice").bind({"cpu_cores": 4, "default_n_threads": 4, "cuda": True})
    own = {name: value for name, value in space.baseline.items() if name != "n_threads"}
    assert own == {name: getattr(Settings(), name) for name in own}


def test_what_leaves_the_audio_alone_is_what_the_space_says_affects_no_quality() -> None:
    knobs = load_template("tts_cosyvoice").knobs.values()
    assert {k.name for k in knobs if "quality" not in k.affects} == set(SPEED_ONLY)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"fp16": True, "bf16": True}, "fp16 and bf16"),
        ({"load_trt": True, "compile": "default"}, "same|both replace the flow"),
        ({"load_trt": True, "bf16": True}, "load_trt and bf16"),
        ({"load_vllm": True, "compile": "default", "compile_module": "both"}, "LLM's layers"),
        ({"turbo": True}, "turbo"),
    ],
)
def test_what_excludes_each_other_is_refused_in_one_line(params: dict[str, Any], said: str) -> None:
    with pytest.raises(TunerError, match=said) as caught:
        Settings.of(params)
    assert caught.value.hint


def test_tensorrt_goes_with_a_compiled_llm() -> None:
    settings = Settings.of({"load_trt": True, "compile": "default", "compile_module": "llm"})
    assert settings.compiles(LLM)
    assert not settings.compiles(FLOW)


def test_the_longest_hop_is_never_below_the_first() -> None:
    assert Settings.of({"first_hop_tokens": 50, "hop_growth": 2, "hop_tokens_most": 25}).hop_most == 50
    assert Settings.of({"first_hop_tokens": 15, "hop_growth": 1}).hop_most == 15


def test_version_3_has_no_torchscript() -> None:
    assert "load_jit" in Settings.of({}).constructor(2)
    assert "load_jit" not in Settings.of({}).constructor(3)
    assert Settings.of({"load_trt": True}).constructor(2)["load_trt"] is False


@pytest.mark.parametrize(
    ("params", "late"),
    [
        ({"compile": "off", "cudnn_benchmark": False, "load_jit": False}, False),
        ({"compile": "reduce-overhead"}, True),
        ({"cudnn_benchmark": True}, True),
        ({"load_trt": True}, True),
        ({}, False),
    ],
)
def test_what_is_made_for_each_length_anew_settles_late(params: dict[str, Any], late: bool) -> None:
    assert CosyVoiceEngine().compiles_lazily(params) == late
