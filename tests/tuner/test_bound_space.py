"""What a workload says of the space that is searched for it."""

from dataclasses import replace

import pytest

from engines.base import Capabilities, Model, WorkItem, Workload
from engines.registry import load_engine
from search_spaces.domains import values
from tuner.core.study_config import Budget, StudyConfig
from tuner.measure.preparation import bound_space

CAPABILITIES = Capabilities({"cpu_cores": 4, "default_n_threads": 2}, {"version": "1", "build": "b"})
MODEL = Model("m", "m", "0" * 64, {"F16": ""}, "F16", "F16", {"n_layers": 12, "n_ctx": 4096})
WORKLOAD = Workload("chat", (WorkItem("a", {}),), sizes={"longest_prompt": 100})


def batches(objectives=("decode_tokens_per_second",), constraints=None, space=None):
    config = StudyConfig(
        "llm", "llama_cpp", {}, {}, objectives, constraints or {}, Budget(), {}, space=space or {}
    )  # fmt: skip
    bound = bound_space(load_engine("llama_cpp"), config, CAPABILITIES, MODEL, WORKLOAD)
    return list(values(bound.parameter("n_ubatch").domain))


def test_batches_above_the_longest_prompt_are_one():
    assert batches() == [32, 64, 512]


def test_where_all_are_alike_the_reason_says_so():
    config = StudyConfig("llm", "llama_cpp", {}, {}, ("response_s",), {}, Budget(), ())
    short = replace(WORKLOAD, sizes={"longest_prompt": 24})
    bound = bound_space(load_engine("llama_cpp"), config, CAPABILITIES, MODEL, short)
    alike = "all values from 32 on do the same here (tokens in the workload's longest prompt: 24)"
    assert (bound.off["n_batch"], bound.off["n_ubatch"]) == (alike, alike)
    assert bound.fixed["n_batch"] == 512


@pytest.mark.parametrize(
    "asked", [{"objectives": ("rss_peak_mib",)}, {"constraints": {"rss_peak_mib": 500.0}}], ids=lambda a: next(iter(a))
)
def test_where_memory_is_asked_for_they_differ(asked):
    assert batches(**asked) == [32, 64, 128, 256, 512, 1024, 2048]


def test_it_is_no_part_of_what_the_workload_is():
    assert WORKLOAD.digest == Workload("chat", WORKLOAD.items).digest
