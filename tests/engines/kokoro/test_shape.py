from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from engines.errors import MissingLibraryError
from engines.install import install_hint
from engines.kokoro import shape
from engines.kokoro.engine import KokoroEngine
from engines.kokoro.models import prepare, resolve_model
from engines.kokoro.onnx_file import FP16, FP32, INT8
from engines.kokoro.session import KokoroSession
from engines.kokoro.shapes import SHAPES, digest, file_bytes
from search_spaces.parameter import Params


def test_shapes_differ_by_digest_and_size() -> None:
    assert len({digest(name) for name in SHAPES}) == len(SHAPES)
    assert file_bytes("kokoro-82m") > 300e6


def test_without_torch_there_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(shape, "find_spec", lambda name: None if name == "torch" else find_spec("sys"))
    with pytest.raises(MissingLibraryError) as caught:
        shape.write_shape("kokoro-reduced", tmp_path / "a.onnx", lambda line: None)
    assert caught.value.message == "a model of generated weights is made by torch, which is not installed"
    command, _, rest = caught.value.hint.partition(", or give files: ")
    assert command.startswith(install_hint("kokoro", "shape"))
    assert command.endswith("-m pip install --no-deps kokoro==0.9.4")
    assert rest.startswith("model=")
    assert "\n" not in caught.value.hint


@pytest.mark.torch
def test_the_reduced_shape_speaks_in_every_precision() -> None:
    engine = KokoroEngine()
    model = resolve_model({"source": "embedded", "shape": "kokoro-reduced"}, lambda line: None)
    assert (model.native, set(model.variants)) == (FP32, {FP32, FP16, INT8})
    workload = engine.resolve_workload({"items_per_round": 2}, model, lambda line: None)
    engine.prepare_quality(model, workload, lambda line: None)
    for quantization in (FP32, FP16, INT8):
        split: Params = {"quantization": quantization, "split": "clause"}
        session = KokoroSession(model, prepare(model, split, lambda line: None), split)
        one, other = session.run(workload.items[-1]), session.run(workload.items[-1])
        assert one.output == other.output
        assert one.counts["chunks"] > 1
        session.close()
        whole: Params = {"quantization": quantization}
        session = KokoroSession(model, prepare(model, whole, lambda line: None), whole)
        assert session.quality(workload).metrics["duration_ratio"] < 1.3
        session.close()
    assert "spacy" not in sys.modules
