from __future__ import annotations

from typing import Any

import pytest

from engines.onnx_sessions.settings import LEVELS
from engines.piper.engine import PiperEngine
from engines.piper.library import onnxruntime
from engines.piper.settings import KNOBS, PROVIDER_OPTIONS, arguments, splitting
from engines.synthesis.splitting import pieces
from search_spaces.errors import TunerError
from search_spaces.narrowing import narrow
from search_spaces.space import SearchSpace
from search_spaces.template import load_template

TEXT = "It is late, is it not? Yes, it is."


def _space(**facts: Any) -> SearchSpace:
    return load_template("tts_piper").bind({"cpu_cores": 4, **facts})


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [TEXT]),
        ({"split": "sentence"}, [TEXT]),
        ({"split": "clause"}, ["It is late,", "is it not?", "Yes,", "it is."]),
        ({"first_chunk": "clause"}, ["It is late,", "is it not? Yes, it is."]),
        ({"first_chunk": "words", "first_words": 2}, ["It is", "late, is it not? Yes, it is."]),
    ],
)
def test_what_piper_is_given_one_by_one(params: dict[str, Any], expected: list[str]) -> None:
    assert pieces(TEXT, splitting(params)) == expected


@pytest.mark.parametrize("params", [{"threads": 2}, {"provider": "abacus"}, {"execution_mode": "parallel"}])
def test_what_does_not_exist_is_said(params: dict[str, Any]) -> None:
    with pytest.raises(TunerError):
        arguments(params)


def test_a_way_of_splitting_that_does_not_exist_is_said() -> None:
    with pytest.raises(TunerError, match="'none'"):
        splitting({"split": "none"})


def test_the_defaults_are_those_of_the_session_that_piper_opens() -> None:
    options, runtime, baseline = onnxruntime().SessionOptions(), onnxruntime(), _space().baseline
    assert baseline["intra_op_threads"] == options.intra_op_num_threads == 0
    assert baseline["memory_arena"] == options.enable_cpu_mem_arena
    level = getattr(runtime.GraphOptimizationLevel, LEVELS[str(baseline["graph_optimization"])])
    assert level == options.graph_optimization_level
    assert (baseline["split"], baseline["first_chunk"], baseline["provider"]) == ("sentence", "same", "cpu")
    assert _space().stock_configuration() == dict(_space().baseline), "piper's command line has the same"


def test_the_space_has_no_other_knobs() -> None:
    assert {p.name for p in _space(providers="cpu,cuda").parameters} <= set(KNOBS)
    assert set(_space().off) == {"provider", "first_words"}


def test_what_breaks_a_phrase_or_only_costs_is_searched_where_it_is_asked_for() -> None:
    values = {p.name: getattr(p.domain, "values", ()) for p in _space().parameters}
    assert (values["first_chunk"], values["graph_optimization"]) == (("same", "clause"), ("basic", "extended", "all"))
    asked = narrow(_space(), {"first_chunk": "words", "graph_optimization": "none"}, {}, {})
    assert (asked.baseline["first_words"], asked.baseline["graph_optimization"]) == (4, "none")


def test_a_gpu_is_given_what_piper_gives_it() -> None:
    asked = arguments({"provider": "cuda"})
    assert asked.providers == ("CUDAExecutionProvider", "CPUExecutionProvider")
    assert PROVIDER_OPTIONS["CUDAExecutionProvider"] == {"cudnn_conv_algo_search": "HEURISTIC"}
    assert PiperEngine().compiles_lazily({"provider": "cuda"})
    assert not PiperEngine().compiles_lazily({})
