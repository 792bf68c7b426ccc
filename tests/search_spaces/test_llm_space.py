"""The space of language models: what it holds, what is off and why, and that its defaults are the library's."""

import ast
import importlib.util
import os
import random
from pathlib import Path
from typing import Any

import pytest

from search_spaces.domains import values
from search_spaces.errors import TunerError
from search_spaces.narrowing import narrow
from search_spaces.parameter import Choices, IntRange, Value
from search_spaces.rules import AtMost, Require
from search_spaces.space import SearchSpace
from search_spaces.template import load_template

GPU = {"gpu_offload": True, "gpu_count": 1, "n_layers": 12}
GPU_KNOBS = {"n_gpu_layers", "offload_kqv", "op_offload"}
SEVERAL_GPU_KNOBS = {"split_mode", "main_gpu", "tensor_split"}


def llm(**facts: Value) -> SearchSpace:
    return load_template("llm").bind({"cpu_cores": 4, **facts})


def library_defaults() -> dict[str, Any]:
    """Keyword defaults of `llama_cpp.Llama`, read from its source so that nothing is loaded."""
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        pytest.skip("llama-cpp-python is not installed")
    tree = ast.parse(Path(spec.origin).with_name("llama.py").read_text(encoding="utf-8"))
    start = next(
        f
        for c in tree.body
        if isinstance(c, ast.ClassDef) and c.name == "Llama"
        for f in c.body
        if isinstance(f, ast.FunctionDef) and f.name == "__init__"
    )
    pairs = zip(start.args.kwonlyargs, start.args.kw_defaults, strict=True)
    return {a.arg: ast.literal_eval(d) for a, d in pairs if isinstance(d, ast.Constant | ast.UnaryOp)}


def test_the_baseline_is_the_librarys_own_default() -> None:
    library, space = library_defaults(), llm(**{**GPU, "gpu_count": 2}, mlock=True, numa_nodes=2)
    same = ("n_batch", "n_ubatch", "flash_attn", "offload_kqv", "use_mmap", "use_mlock", "n_gpu_layers", "main_gpu")
    assert {n: space.parameter(n).default for n in same} == {n: library[n] for n in same}
    assert library["op_offload"] is None  # left to llama.cpp, which offloads
    assert library["numa"] is False
    assert library["tensor_split"] is None
    assert library["type_k"] is None  # left to llama.cpp: f16
    assert library["draft_model"] is None


@pytest.mark.parametrize(("cores", "threads"), [(2, 1), (3, 1), (8, 4), (64, 32)])
def test_threads_are_those_that_the_library_takes(cores: int, threads: int) -> None:
    space = llm(cpu_cores=cores)
    assert space.baseline["n_threads"] == threads
    assert space.baseline["n_threads_batch"] == cores
    assert space.parameter("n_threads").domain == IntRange(1, cores)


def test_a_plain_machine() -> None:
    space = llm()
    assert dict(space.baseline) == {
        "quantization": "F16", "n_threads": 2, "n_threads_batch": 4, "n_batch": 512, "n_ubatch": 512,
        "flash_attn": False, "type_k": "f16", "type_v": "f16", "use_mmap": True, "speculation_tokens": 0,
        "sampling": "top_k_top_p",
    }  # fmt: skip
    assert set(space.off) == {*GPU_KNOBS, *SEVERAL_GPU_KNOBS, "use_mlock", "numa", "sampling"}
    assert space.parameter("quantization").domain == Choices(
        ("Q4_0", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "F16"), ordered=True
    )
    assert space.off["n_gpu_layers"] == (
        "this build of llama.cpp has no GPU support; with a GPU, rebuild it (for others than NVIDIA's with "
        "-DGGML_VULKAN=on, not tried; Metal is on by itself on a Mac): CMAKE_ARGS=-DGGML_CUDA=on "
        ".venv/bin/python -m pip install --force-reinstall --no-cache-dir --no-deps -c constraints.txt llama-cpp-python"
    )
    assert space.off["numa"] == "it matters with two NUMA nodes or more, and this machine has 1"
    assert "ulimit -l unlimited" in space.off["use_mlock"]


def test_one_gpu() -> None:
    space = llm(**GPU)
    assert {p.name for p in space.parameters} >= GPU_KNOBS
    assert set(space.off) >= SEVERAL_GPU_KNOBS
    assert space.parameter("n_gpu_layers").domain == IntRange(0, 13)
    assert "offload_kqv" not in space.baseline
    assert space.canonical({"n_gpu_layers": 5})["offload_kqv"] is True
    assert space.off["split_mode"] == "it matters with two GPUs or more, and this process sees 1"


def test_a_build_for_gpus_without_one() -> None:
    assert "no GPU is visible" in llm(gpu_offload=True).off["n_gpu_layers"]


def test_several_gpus() -> None:
    space = llm(**{**GPU, "gpu_count": 3})
    assert space.parameter("main_gpu").domain == IntRange(0, 2)
    split = space.canonical({"n_gpu_layers": 13, "split_mode": "none", "main_gpu": 2})
    assert split["main_gpu"] == 2
    assert "tensor_split" not in split
    assert narrow(space, {"n_gpu_layers": 13, "tensor_split": "3:1:1"}).baseline["tensor_split"] == "3:1:1"


def test_one_core_leaves_threads_out_of_the_search_and_in_the_configuration() -> None:
    space = llm(cpu_cores=1)
    assert space.fixed == {"n_threads": 1, "n_threads_batch": 1, "sampling": "top_k_top_p"}
    assert space.off["n_threads"] == "this process may use one core"
    assert space.baseline["n_threads"] == 1


def test_the_library_counts_the_cores_of_the_machine_also_those_that_it_may_not_use() -> None:
    space = llm(cpu_cores=1, default_n_threads=32, default_n_threads_batch=1024)
    assert space.baseline["n_threads"] == 32
    assert space.baseline["n_threads_batch"] == 512  # the most that llama.cpp can take
    assert space.random(random.Random(0))["n_threads"] == 1
    assert {"n_threads", "n_threads_batch"} <= {p.name for p in space.parameters}
    space.validate(space.baseline)


def test_a_models_own_variants_limit_quantization() -> None:
    space = llm(quantizations="Q6_K, Q4_K_M", native_quantization="Q6_K")
    assert space.parameter("quantization").domain == Choices(("Q4_K_M", "Q6_K"), ordered=True)
    assert space.baseline["quantization"] == "Q6_K"


def test_a_short_context_limits_batches() -> None:
    space = llm(n_ctx=256)
    assert space.parameter("n_batch").domain == Choices((32, 64, 128, 256), ordered=True)
    assert space.baseline["n_batch"] == 256


def test_rules_hold_in_every_random_configuration() -> None:
    space, rng = llm(**GPU), random.Random(5)
    kinds = {type(r) for r in space.rules}
    assert kinds == {AtMost, Require}
    for _ in range(300):
        params = space.random(rng)
        assert int(params["n_ubatch"]) <= int(params["n_batch"])
        assert params["type_v"] == "f16" or params["flash_attn"] is True


def test_how_tokens_are_drawn_is_searched_only_where_it_is_asked_for() -> None:
    """It changes the answers, and no metric tells what that is worth."""
    assert "sampling" not in {k.name for k in llm().parameters}
    assert "space.sampling=choice(greedy,top_k_top_p)" in llm().off["sampling"]
    asked = narrow(llm(), {}, {"sampling": Choices(("greedy", "top_k_top_p"))}, {})
    assert "sampling" in {k.name for k in asked.parameters}
    assert narrow(llm(), {"sampling": "greedy"}, {}, {}).baseline["sampling"] == "greedy"
    with pytest.raises(TunerError, match="greedy or top_k_top_p"):
        narrow(llm(), {"sampling": "nucleus"}, {}, {})


def test_scopes_and_effects() -> None:
    space = llm(**{**GPU, "gpu_count": 2})
    by_scope = {s: {k.name for k in space.knobs if k.scope == s} for s in ("load", "call")}
    assert by_scope["call"] == {"sampling"}
    assert by_scope["load"] == {"quantization", "n_gpu_layers", "use_mmap", "use_mlock", "numa", *SEVERAL_GPU_KNOBS}
    assert {k.name for k in space.knobs if "quality" in k.affects} == {"quantization", "type_k", "type_v"}
    memory = {k.name for k in space.knobs if "memory" in k.affects}
    assert memory >= {"quantization", "n_batch", "n_ubatch", "type_k", "type_v", "speculation_tokens", "n_gpu_layers"}
    assert not memory & {"n_threads", "sampling"}


def test_binding_and_asking_take_milliseconds() -> None:
    template = load_template("llm")
    before = os.times().user
    for _ in range(20):
        space = template.bind({"cpu_cores": 64, **GPU})
        assert space.size(100) is None
    assert (os.times().user - before) / 20 < 0.02


def test_batches_larger_than_the_longest_prompt_are_one() -> None:
    known = llm(longest_prompt=142)
    for name in ("n_batch", "n_ubatch"):
        assert list(values(known.parameter(name).domain)) == [32, 64, 128, 512]
    assert known.baseline == llm().baseline
