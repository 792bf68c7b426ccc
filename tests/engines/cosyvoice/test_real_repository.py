"""The adapter on the real repository, with generated weights at reduced depth: needs torch and COSYVOICE_REPO."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from engines.base import Model, Workload
from engines.cosyvoice import CosyVoiceEngine
from engines.cosyvoice.models import prepare
from engines.cosyvoice.repository import ENVIRONMENT
from engines.cosyvoice.session import CosyVoiceSession

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(not os.environ.get(ENVIRONMENT), reason=f"{ENVIRONMENT} names no repository"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning"),
]
TEXT = "Please say that again, and once more."
ENGINE = CosyVoiceEngine()


def quiet(text: str) -> None:
    pass


@pytest.fixture(scope="module", params=["v2", "v3"])
def model(request: pytest.FixtureRequest) -> Model:
    return ENGINE.resolve_model({"source": f"shape:{request.param}", "layers": 1}, quiet)


@pytest.fixture(scope="module")
def workload(model: Model) -> Workload:
    found = ENGINE.resolve_workload({"sentences": [TEXT]}, model, quiet)
    ENGINE.prepare_quality(model, found, quiet)
    return found


@contextmanager
def opened(model: Model, **params: Any) -> Iterator[CosyVoiceSession]:
    session = CosyVoiceSession(model, prepare(model, params, quiet), params)
    try:
        yield session
    finally:
        session.close()


def test_two_identical_requests_in_a_row_have_the_same_chunks(model: Model, workload: Workload) -> None:
    with opened(model, stream=True, first_hop_tokens=10) as session:
        samples = [session.run(workload.items[0]) for _ in range(2)]
        assert session.loaded.token_hop_len > 10, "the repository's hop does grow"
        assert session.in_force()["hop"].startswith("10 tokens")
    assert samples[0].output == samples[1].output
    assert samples[0].counts["chunks"] > 1


def test_the_default_is_the_reference_and_its_stages_are_timed(model: Model, workload: Workload) -> None:
    with opened(model) as session:
        sample = session.run(workload.items[0])
        quality = session.quality(workload).metrics
    assert quality["mel_distance_db"] == pytest.approx(0.0, abs=1e-3)
    assert quality["duration_ratio"] == 1.0
    assert sample.counts["llm_tokens"] == round(sample.units_out * 25)
    assert all(sample.stages_s[stage] > 0 for stage in ("llm", "flow", "vocoder"))


def test_bfloat16_is_in_force_where_it_is_asked_for(model: Model, workload: Workload) -> None:
    with opened(model, bf16=True, text_head=False, flow_steps=4) as session:
        session.run(workload.items[0])
        told = session.in_force()
        quality = session.quality(workload).metrics
    assert told["autocast"] == "LLM bfloat16, flow bfloat16"
    assert told["flow steps"] == "4"
    assert told["text head"] == "left out"
    assert 0 < quality["mel_distance_db"] < 20


def test_without_the_text_head_the_audio_is_the_same(model: Model, workload: Workload) -> None:
    with opened(model, text_head=False) as session:
        session.run(workload.items[0])
        assert session.quality(workload).metrics["mel_distance_db"] == pytest.approx(0.0, abs=1e-3)


def test_fp16_is_dropped_by_the_repository_without_a_gpu_and_it_shows(model: Model, workload: Workload) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with opened(model, fp16=True) as session:
        session.run(workload.items[0])
        assert session.in_force()["autocast"] == "LLM float32, flow float32"


def test_decoding_step_by_step_agrees_with_reading_all_at_once(model: Model, workload: Workload) -> None:
    """What a misread attention mask breaks: with a cache, each new token must see all those before it."""
    import torch

    with opened(model) as session, torch.inference_mode():
        encoder = session.loaded.llm.llm
        made = torch.randn(1, 12, 896, generator=torch.Generator().manual_seed(0))

        def masks(length: int) -> Any:
            return torch.tril(torch.ones((1, length, length))).to(torch.bool)

        whole, _ = encoder.forward_one_step(made, masks=masks(12), cache=None)
        _, cache = encoder.forward_one_step(made[:, :8], masks=masks(8), cache=None)
        for at in range(8, 12):
            step, cache = encoder.forward_one_step(made[:, at : at + 1], masks=masks(1), cache=cache)
            assert torch.allclose(step[:, -1], whole[:, at], atol=1e-4), f"position {at}"


def test_a_conversion_has_the_length_of_its_source(model: Model) -> None:
    asked = ENGINE.resolve_workload({"mode": "voice_conversion", "seconds": 2}, model, quiet)
    with opened(model) as session:
        sample = session.run(asked.items[0])
    assert sample.units_out == pytest.approx(2.0, abs=0.05)
    assert sample.counts["llm_tokens"] == 0


def test_an_instruction_takes_the_place_of_the_prompts_words(model: Model) -> None:
    asked = ENGINE.resolve_workload({"mode": "instruct", "sentences": [TEXT]}, model, quiet)
    with opened(model) as session:
        assert session.run(asked.items[0]).units_out > 1
        assert "llm_prompt_speech_token" not in session._voice.conditions(_request(asked))[0]


def _request(workload: Workload) -> Any:
    from engines.cosyvoice.requests import Request

    return Request.of(workload.items[0].payload)


def test_three_at_once_share_the_model(model: Model, workload: Workload) -> None:
    """Of two calls at the same time, transformers collects the hidden states of one only."""
    with opened(model, concurrency=3, text_head=False) as session:
        for _ in range(2):
            sample = session.run(workload.items[0])
            assert sample.requests == 3
            assert sample.counts["llm_tokens"] == pytest.approx(sample.units_out * 25)


def test_the_profile_sees_the_llms_thread(model: Model, workload: Workload) -> None:
    with opened(model, text_head=False) as session:
        documents = session.profile(workload)
    stages = documents["pipeline_profile.json"]["stages"]
    assert sum(one["share"] for one in stages.values()) == pytest.approx(1.0, abs=1e-3)
    assert [one["requests"] for one in documents["pipeline_profile.json"]["by_concurrency"]][:2] == [1, 2]
    operators = {row["name"]: row["calls"] for row in documents["cuda_kernels_profile.json"]["kernels"]}
    steps = 8 * 7
    assert max(operators.values()) > steps, operators
    assert documents["cuda_kernels_profile.json"]["attention_kernels"]


def test_the_exported_estimator_computes_what_the_module_does(model: Model, tmp_path: Any) -> None:
    """TensorRT reads this file: inputs and free axis are those of the repository's own exporter, for any length."""
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    import torch

    from engines.cosyvoice.plans import export_estimator

    with opened(model) as session:
        estimator, shapes = session.loaded.flow.decoder.estimator, session.loaded.get_trt_kwargs()
        export_estimator(torch, estimator, tmp_path / "estimator.onnx")
        read = onnxruntime.InferenceSession(str(tmp_path / "estimator.onnx"), providers=["CPUExecutionProvider"])
        names = [found.name for found in read.get_inputs()]
        assert names == ["x", "mask", "mu", "t", "spks", "cond"]
        assert set(shapes["input_names"]) <= set(names)
        made = torch.Generator().manual_seed(1)
        given = [torch.randn(2, 80, 300, generator=made), torch.ones(2, 1, 300)]
        given += [torch.randn(2, 80, 300, generator=made), torch.rand(2, generator=made)]
        given += [torch.randn(2, 80, generator=made), torch.randn(2, 80, 300, generator=made)]
        (computed,) = read.run(None, {name: value.numpy() for name, value in zip(names, given, strict=True)})
        with torch.inference_mode():
            expected = estimator(*given).numpy()
    assert abs(computed - expected).max() < 1e-2 * abs(expected).max()


@pytest.mark.slow
def test_torch_compile_is_in_force_where_it_is_asked_for(model: Model, workload: Workload) -> None:
    with opened(model, compile="default", compile_module="flow") as session:
        session.run(workload.items[0])
        assert session.in_force()["flow estimator"].startswith("compiled (")
        assert session.quality(workload).metrics["mel_distance_db"] < 1.0
