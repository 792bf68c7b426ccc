from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engines.base import Model, Sample, WorkItem, Workload
from engines.errors import InvalidOutputError, ModelFileError, UnsupportedError
from engines.llama_cpp import LlamaCppEngine
from engines.llama_cpp.session import LlamaCppSession
from search_spaces.errors import TunerError
from tests.engines.llama_cpp.conftest import quiet
from tests.engines.llama_cpp.gguf_builder import Shape, write_model


@contextmanager
def opened(engine: LlamaCppEngine, model: Model, **params: Any) -> Iterator[LlamaCppSession]:
    # One thread unless a test is about threads: on a busy machine more of them wait for each other.
    session = engine.open(model, {"n_threads": 1, "n_threads_batch": 1, **params})
    assert isinstance(session, LlamaCppSession)
    try:
        yield session
    finally:
        session.close()


def item(text: str = "Set a timer for 5 minutes", max_tokens: int = 12, ignore_eos: bool = True) -> WorkItem:
    messages = [{"role": "user", "content": text}]
    return WorkItem("one", {"messages": messages, "max_tokens": max_tokens, "ignore_eos": ignore_eos})


def timeless(sample: Sample) -> tuple[object, ...]:
    return sample.output, sample.units_in, sample.units_out


def test_times_and_counts_agree(engine: LlamaCppEngine, small: Model, chat: Workload) -> None:
    with opened(engine, small, sampling="greedy") as session:
        for request in chat.items:
            begin = time.perf_counter()
            sample = session.run(request)
            elapsed = time.perf_counter() - begin
            assert sample.units_out == len(sample.output_times_s) == 12
            assert list(sample.output_times_s) == sorted(sample.output_times_s)
            assert 0 < sample.output_times_s[0] <= sample.output_times_s[-1] <= sample.done_s < elapsed
            assert sample.counts["prefill"] == sample.units_in > 10
            assert sample.counts["decode"] == 11
            assert sample.stages_s["prefill"] + sample.stages_s["decode"] <= sample.done_s
            assert sample.output.isprintable()


def test_an_item_pays_its_whole_prompt_every_time(engine: LlamaCppEngine, small: Model, chat: Workload) -> None:
    request = chat.items[-1]
    with opened(engine, small, sampling="greedy") as session:
        samples = [session.run(request) for _ in range(3)]
    assert {s.counts["prefill"] for s in samples} == {samples[0].units_in}
    assert len({timeless(s) for s in samples}) == 1


def test_sampling_draws_the_same_numbers_every_time(engine: LlamaCppEngine, small: Model, chat: Workload) -> None:
    with opened(engine, small) as session:
        assert timeless(session.run(chat.items[0])) == timeless(session.run(chat.items[0]))


@pytest.mark.parametrize("tokens", [2, 4, 8])
def test_speculation_changes_no_greedy_answer(
    engine: LlamaCppEngine, small: Model, chat: Workload, tokens: int
) -> None:
    """Prompts here are longer than a batch of 64, which the library's own default buffer of logits does not survive."""
    with opened(engine, small, sampling="greedy", n_batch=64, n_ubatch=64) as plain:
        expected = [timeless(plain.run(request)) for request in chat.items]
    with opened(engine, small, sampling="greedy", n_batch=64, n_ubatch=64, speculation_tokens=tokens) as speculating:
        samples = [speculating.run(request) for request in chat.items for _ in range(2)]
    assert [timeless(s) for s in samples[::2]] == expected
    assert [timeless(s) for s in samples[1::2]] == expected
    assert all(s.stages_s == s.counts == {} for s in samples)


def test_the_end_of_text_ends_an_answer_unless_it_is_ignored(engine: LlamaCppEngine, small: Model) -> None:
    with opened(engine, small, sampling="greedy") as session:
        natural = session.run(item(max_tokens=200, ignore_eos=False))
        exact = session.run(item(max_tokens=60))
        again = session.run(item(max_tokens=200, ignore_eos=False))
    assert natural.units_out < 60
    assert exact.units_out == 60
    assert exact.output.startswith(natural.output)
    assert timeless(again) == timeless(natural)


def test_a_model_that_ends_its_text_at_once(engine: LlamaCppEngine, tmp_path: Path) -> None:
    model = engine.resolve_model({"source": str(write_model(tmp_path / "m.gguf", silent=True))}, quiet)
    with opened(engine, model, sampling="greedy") as session:
        with pytest.raises(InvalidOutputError, match="the answer to one is empty"):
            session.run(item(ignore_eos=False))
        assert session.run(item(ignore_eos=True)).units_out == 12


def test_logits_that_are_not_finite(engine: LlamaCppEngine, tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", fill=float("nan"))
    model = engine.resolve_model({"source": str(path)}, quiet)
    with pytest.raises(InvalidOutputError, match="not finite"):
        engine.resolve_workload({}, model, quiet)
    workload = engine.resolve_workload({"ignore_eos": True}, model, quiet)
    with opened(engine, model, sampling="greedy") as session, pytest.raises(InvalidOutputError, match="not finite"):
        session.run(item())
    with pytest.raises(InvalidOutputError, match="not finite"):
        engine.prepare_quality(model, workload, quiet)


def test_a_request_beyond_the_context(engine: LlamaCppEngine, tiny: Model) -> None:
    short = replace(tiny, facts={**tiny.facts, "n_ctx": 256})
    with opened(engine, short) as session:
        with pytest.raises(UnsupportedError, match="exceed context window of 256"):
            session.run(item("of " * 300))
        assert session.run(item()).units_out == 12


def test_a_quantized_v_cache_needs_flash_attention(engine: LlamaCppEngine, tiny: Model) -> None:
    with pytest.raises(UnsupportedError, match="quantized V cache requires flash_attn to be enabled") as caught:
        engine.open(tiny, {"type_v": "q8_0"})
    assert "\n" not in caught.value.message
    with opened(engine, tiny, type_v="q8_0", type_k="q4_0", flash_attn=True) as session:
        assert session.run(item()).units_out == 12


def test_a_head_that_cache_blocks_do_not_divide(engine: LlamaCppEngine, tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", Shape(embd=96, heads=2, kv_heads=2, ffn=192))
    model = engine.resolve_model({"source": str(path)}, quiet)
    with pytest.raises(UnsupportedError, match="does not divide n_embd_head_k=48"):
        engine.open(model, {"type_k": "q8_0", "flash_attn": True})


def test_a_file_damaged_after_it_was_resolved(engine: LlamaCppEngine, tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", seed=3)
    model = engine.resolve_model({"source": str(path)}, quiet)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ModelFileError, match=r"llama\.cpp cannot load"):
        engine.open(model, {})


def test_knobs_and_values_that_do_not_exist(engine: LlamaCppEngine, tiny: Model) -> None:
    for params, says in (
        ({"n_thread": 2}, "unknown knob of llama_cpp 'n_thread'"),
        ({"type_k": "q7_0"}, "unknown type_k 'q7_0'"),
        ({"sampling": "nucleus"}, "unknown sampling 'nucleus'"),
        ({"tensor_split": "1;2"}, "tensor_split is '1;2'"),
    ):
        with pytest.raises(TunerError, match=says):
            engine.open(tiny, params)


@pytest.mark.parametrize(
    "params",
    [
        {"n_threads": 2, "n_threads_batch": 2, "n_batch": 32, "n_ubatch": 32},
        {"use_mmap": False},
        {"flash_attn": True, "n_batch": 2048, "n_ubatch": 1024},
        {"n_gpu_layers": 3, "offload_kqv": False, "op_offload": False, "split_mode": "row", "main_gpu": 0},
        {"numa": "distribute"},
        {"tensor_split": "even"},
    ],
)
def test_knobs_of_speed_leave_the_greedy_answer_alone(
    engine: LlamaCppEngine, small: Model, chat: Workload, params: dict[str, Any]
) -> None:
    with opened(engine, small, sampling="greedy") as session:
        expected = timeless(session.run(chat.items[0]))
    with opened(engine, small, sampling="greedy", **params) as session:
        assert timeless(session.run(chat.items[0])) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_too_little_memory_is_told_as_such(small: Model) -> None:
    code = (
        "import json, resource, sys\n"
        "from engines.base import Model\nfrom engines.errors import OutOfMemoryError\n"
        "from engines.llama_cpp import LlamaCppEngine\n"
        "model = Model(**json.loads(sys.argv[1]))\nengine = LlamaCppEngine()\nengine.capabilities()\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * 4096\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20),) * 2)\n"
        "try:\n    engine.open(model, {})\nexcept OutOfMemoryError as error:\n    print(error.message)\n"
    )
    vast = {**vars(small), "facts": {**small.facts, "n_ctx": 1 << 20}}
    run = subprocess.run([sys.executable, "-c", code, json.dumps(vast)], capture_output=True, text=True, env=os.environ)
    assert run.stdout.startswith("not enough memory: "), run.stderr[-2000:]
    assert run.stdout.count("\n") == 1


def test_an_idle_session_takes_no_cpu_time(engine: LlamaCppEngine, small: Model) -> None:
    with opened(engine, small, n_threads=2, n_threads_batch=2) as session:
        session.run(item())

        def spent_s() -> float:
            before = time.process_time()
            time.sleep(0.5)
            return time.process_time() - before

        assert any(spent_s() < 0.025 for _ in range(20)), "its threads come to rest, on a busy machine later"


@pytest.mark.skipif(sys.platform != "linux", reason="gives up a Linux capability")
def test_a_model_that_may_not_be_locked_is_told(tiny_file: Path) -> None:
    code = (
        "import ctypes, resource, sys\n"
        "from engines.errors import UnsupportedError\nfrom engines.llama_cpp.loading import load\n"
        "resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))\n"
        "header, nothing = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()\n"
        "assert ctypes.CDLL(None).capset(header, nothing) == 0\n"
        "try:\n    load(sys.argv[1], {'use_mlock': True}, 256)\nexcept UnsupportedError as e:\n    print(e.message)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tiny_file)], capture_output=True, text=True)
    assert run.stdout == "the model cannot be locked into memory\n", run.stderr[-2000:]
