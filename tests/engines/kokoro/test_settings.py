from __future__ import annotations

from typing import Any

import pytest

from engines.kokoro.engine import KokoroEngine
from engines.kokoro.library import onnxruntime
from engines.kokoro.settings import KNOBS, arguments
from engines.onnx_sessions.providers import PROVIDERS, available
from engines.onnx_sessions.settings import LEVELS, MODES
from search_spaces.errors import TunerError
from search_spaces.template import load_template


def test_an_absent_knob_is_left_to_the_library() -> None:
    asked = arguments({})
    assert (asked.attributes, asked.enums, asked.entries) == ({}, {}, {})
    assert asked.providers == ("CPUExecutionProvider",)


def test_every_knob_arrives() -> None:
    asked = arguments(
        {
            "intra_op_threads": 3,
            "inter_op_threads": 2,
            "execution_mode": "parallel",
            "graph_optimization": "basic",
            "spinning": False,
            "memory_arena": False,
            "provider": "cuda",
        }
    )
    assert asked.attributes == {"intra_op_num_threads": 3, "inter_op_num_threads": 2, "enable_cpu_mem_arena": False}
    assert asked.enums == {
        "graph_optimization_level": ("GraphOptimizationLevel", "ORT_ENABLE_BASIC"),
        "execution_mode": ("ExecutionMode", "ORT_PARALLEL"),
    }
    assert asked.entries == {
        "session.intra_op.allow_spinning": "0",
        "session.inter_op.allow_spinning": "0",
    }
    assert asked.providers == ("CUDAExecutionProvider", "CPUExecutionProvider")


def test_what_tensorrt_lacks_stays_on_the_gpu() -> None:
    assert arguments({"provider": "tensorrt"}).providers == (
        "TensorrtExecutionProvider",
        "CUDAExecutionProvider",
        "CPUExecutionProvider",
    )


@pytest.mark.parametrize("params", [{"threads": 2}, {"provider": "abacus"}])
def test_what_does_not_exist_is_said(params: dict[str, Any]) -> None:
    with pytest.raises(TunerError):
        arguments(params)


def test_the_names_are_onnxruntime_s() -> None:
    runtime = onnxruntime()
    options = runtime.SessionOptions()
    assert all(hasattr(runtime.GraphOptimizationLevel, name) for name in LEVELS.values())
    assert all(hasattr(runtime.ExecutionMode, name) for name in MODES.values())
    for attribute in arguments(dict.fromkeys(("intra_op_threads", "inter_op_threads", "memory_arena"), 1)).attributes:
        assert hasattr(options, attribute)
    assert "cpu" in available(runtime)
    assert set(available(runtime)) <= set(PROVIDERS)


def test_the_defaults_are_onnxruntime_s() -> None:
    options, runtime = onnxruntime().SessionOptions(), onnxruntime()
    baseline = load_template("tts_kokoro").bind({"cpu_cores": 4}).baseline
    assert baseline["intra_op_threads"] == options.intra_op_num_threads == 0
    assert baseline["memory_arena"] == options.enable_cpu_mem_arena
    assert getattr(runtime.ExecutionMode, MODES[str(baseline["execution_mode"])]) == options.execution_mode
    level = getattr(runtime.GraphOptimizationLevel, LEVELS[str(baseline["graph_optimization"])])
    assert level == options.graph_optimization_level


def test_the_space_has_no_other_knobs() -> None:
    space = load_template("tts_kokoro").bind({"cpu_cores": 4, "providers": "cpu,cuda"})
    assert {p.name for p in space.parameters} <= set(KNOBS)


def test_only_devices_settle_late() -> None:
    late = {provider: KokoroEngine().compiles_lazily({"provider": provider}) for provider in PROVIDERS}
    assert {provider for provider, is_late in late.items() if not is_late} == {"cpu", "dnnl", "xnnpack"}
    assert not KokoroEngine().compiles_lazily({})
