from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, quants

from engines.base import Model
from engines.recognition.clips import Passage
from engines.recognition.workload import resolve_workload
from engines.whisper_cpp.ggml_file import read_header
from engines.whisper_cpp.models import prepare
from engines.whisper_cpp.quantize import ON_DEMAND, is_rewritten, predicted_bytes
from engines.whisper_cpp.session import WhisperCppSession
from tests.engines.recognition.conftest import quiet

WORST_ERROR = {"Q8_0": 0.01, "Q5_1": 0.05, "Q5_0": 0.06, "Q4_0": 0.12}
"""Largest share of the root mean square that rounding to so many bits may cost, on average over a matrix."""


@pytest.mark.parametrize("quantization", ON_DEMAND)
def test_a_variant_is_the_original_rounded(model: Model, model_path: Path, quantization: str) -> None:
    made = Path(prepare(model, {"quantization": quantization}, quiet).path)
    source, header = read_header(model_path), read_header(made)
    assert header.quantization == quantization
    assert header.size_bytes == predicted_bytes(source, quantization) == model.facts[f"file_mib_{quantization}"] * 2**20
    assert [(t.name, t.shape) for t in header.tensors] == [(t.name, t.shape) for t in source.tensors]
    before, after = model_path.read_bytes(), made.read_bytes()
    for old, new in zip(source.tensors, header.tensors, strict=True):
        raw_old = before[old.offset : old.offset + old.size_bytes]
        raw_new = after[new.offset : new.offset + new.size_bytes]
        if not is_rewritten(old):
            assert raw_new == raw_old, old.name
            continue
        weights = np.frombuffer(raw_old, "<f2").astype(np.float32)
        read = quants.dequantize(np.frombuffer(raw_new, np.uint8), GGMLQuantizationType[quantization])
        error = float(np.sqrt(np.mean((read - weights) ** 2)) / np.sqrt(np.mean(weights**2)))
        assert error < WORST_ERROR[quantization], old.name


@pytest.mark.parametrize("quantization", ON_DEMAND)
def test_whisper_cpp_loads_and_runs_it(model: Model, quantization: str) -> None:
    item = resolve_workload({"items_per_round": 1, "clips": "utterances", "eval_clips": 1}, model, quiet).items[0]
    params = {"quantization": quantization, "audio_ctx": "clip"}
    session = WhisperCppSession(model, prepare(model, params, quiet), params)
    try:
        heard = session.run(item).output.split()
    finally:
        session.close()
    said = Passage.from_json(item.payload).text.split()
    assert len(set(heard) & set(said)) >= len(set(said)) // 2


def test_what_stays_as_it_is(model_path: Path) -> None:
    kept = {t.name for t in read_header(model_path).tensors if len(t.shape) == 2 and not is_rewritten(t)}
    assert kept == {
        "encoder.conv1.bias", "encoder.conv2.bias", "encoder.positional_embedding", "decoder.positional_embedding",
    }  # fmt: skip
