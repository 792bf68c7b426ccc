from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.base import Model, Workload
from engines.errors import EngineError, UnsupportedError
from engines.llama_cpp import LlamaCppEngine, quality
from engines.llama_cpp.loading import load
from tests.engines.llama_cpp.conftest import quiet
from tests.engines.llama_cpp.gguf_builder import write_model

_ONE_THREAD = {"n_threads": 1, "n_threads_batch": 1}


def judged(engine: LlamaCppEngine, model: Model, workload: Workload, **params: Any) -> dict[str, float]:
    session = engine.open(model, {**_ONE_THREAD, **params})
    try:
        return dict(session.quality(workload).metrics)
    finally:
        session.close()


@pytest.fixture(scope="module")
def text(engine: LlamaCppEngine, small: Model, chat: Workload) -> Workload:
    """The embedded model's workload, its reference made."""
    engine.prepare_quality(small, chat, quiet)
    return chat


def test_the_reference_is_no_distance_from_itself(engine: LlamaCppEngine, small: Model, text: Workload) -> None:
    found = judged(engine, small, text)
    assert found["kld"] == pytest.approx(0, abs=1e-9)
    assert found["top1_agreement"] == 1.0
    assert 1.0 < found["perplexity"] < 10.0


def test_perplexity_is_that_of_the_models_own_logits(engine: LlamaCppEngine, small: Model, text: Workload) -> None:
    """Against an independent count: the library's own evaluation, all logits kept, one window."""
    llama = load(small.variants["F16"], {**_ONE_THREAD, "speculation_tokens": 2}, 512)
    try:
        losses = []
        tokens = llama.tokenize(text.quality["text"].encode(), add_bos=False)[: 2 * 255]
        for begin in (0, 255):
            window = [llama.token_bos(), *tokens[begin : begin + 255]]
            llama.reset()
            llama.eval(window)
            for position in range(len(window) - 1):
                scores = llama.scores[position].astype(np.float64)
                losses.append(
                    np.log(np.sum(np.exp(scores - scores.max()))) + scores.max() - scores[window[position + 1]]
                )
    finally:
        llama.close()
    assert judged(engine, small, text)["perplexity"] == pytest.approx(math.exp(np.mean(losses)), rel=1e-3)


def test_fewer_bits_are_farther_away(engine: LlamaCppEngine, small: Model, text: Workload) -> None:
    klds = [judged(engine, small, text, quantization=q)["kld"] for q in ("Q8_0", "Q6_K", "Q4_0")]
    assert 0 < klds[0] < klds[1] < klds[2]
    assert klds[2] > 10 * klds[0]


def test_a_quantized_cache_is_judged_too(engine: LlamaCppEngine, small: Model, text: Workload) -> None:
    exact = judged(engine, small, text, flash_attn=True)["kld"]
    coarse = judged(engine, small, text, flash_attn=True, type_k="q4_0", type_v="q4_0")["kld"]
    assert coarse > 10 * exact


@pytest.mark.parametrize("params", [{"n_batch": 7, "n_ubatch": 7}, {"speculation_tokens": 4}])
def test_knobs_without_effect_on_quality(
    engine: LlamaCppEngine, small: Model, text: Workload, params: dict[str, Any]
) -> None:
    assert judged(engine, small, text, **params)["kld"] < 1e-4


def test_judging_leaves_the_session_as_it_was(engine: LlamaCppEngine, small: Model, text: Workload) -> None:
    session = engine.open(small, {**_ONE_THREAD, "sampling": "greedy"})
    try:
        before = session.run(text.items[0])
        session.quality(text)
        after = session.run(text.items[0])
    finally:
        session.close()
    assert (before.output, before.units_in) == (after.output, after.units_in)
    assert after.counts["prefill"] == before.counts["prefill"]


def test_the_reference_is_made_once(engine: LlamaCppEngine, small: Model, text: Workload) -> None:
    told: list[str] = []
    engine.prepare_quality(small, text, told.append)
    assert told == []
    engine.prepare_quality(small, replace(text, quality={"text": text.quality["text"] + " More."}), told.append)
    assert told == ["computing the quality reference with F16"]


def test_half_precision_keeps_a_large_reference_close(
    engine: LlamaCppEngine, small: Model, text: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = replace(text, quality={"text": text.quality["text"] + " And more."})
    monkeypatch.setattr(quality, "_MOST_EXACT_BYTES", 0)
    engine.prepare_quality(small, longer, quiet)
    size = quality.reference_file(small, longer.quality["text"]).stat().st_size
    rows = 2 * (quality.WINDOW - 1)
    assert rows * small.facts["n_vocab"] * 2 < size < rows * small.facts["n_vocab"] * 2.1
    found = judged(engine, small, longer)
    assert found["kld"] < 1e-3
    assert found["top1_agreement"] > 0.99


def test_without_a_reference_or_a_text(engine: LlamaCppEngine, small: Model, chat: Workload) -> None:
    with pytest.raises(EngineError, match="there is no quality reference"):
        judged(engine, small, replace(chat, quality={"text": "another text " * 40}))
    assert judged(engine, small, replace(chat, quality={})) == {}
    engine.prepare_quality(small, replace(chat, quality={}), quiet)


def test_a_text_that_is_too_short(engine: LlamaCppEngine, small: Model, chat: Workload) -> None:
    with pytest.raises(UnsupportedError, match="the held-out text has only"):
        engine.prepare_quality(small, replace(chat, quality={"text": "Too short."}), quiet)


def test_variants_that_tokenize_differently(engine: LlamaCppEngine, tmp_path: Path) -> None:
    """The same shape, but one of them begins no text with a token of its own."""
    one = write_model(tmp_path / "one.gguf", float32=True)
    other = write_model(tmp_path / "other.gguf", begins=False)
    model = engine.resolve_model({"variants": {"F32": str(one), "F16": str(other)}}, quiet)
    workload = engine.resolve_workload({}, model, quiet)
    engine.prepare_quality(model, workload, quiet)
    assert judged(engine, model, workload, quantization="F32")["kld"] == pytest.approx(0, abs=1e-9)
    with pytest.raises(UnsupportedError, match="do not tokenize alike"):
        judged(engine, model, workload, quantization="F16")
