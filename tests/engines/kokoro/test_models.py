from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.base import Model
from engines.errors import ModelFileError
from engines.kokoro.hub_choice import choose
from engines.kokoro.models import prepare, resolve_model
from engines.kokoro.onnx_file import FP16, FP32, INT8
from engines.kokoro.voices import generated_voices, voice_names
from search_spaces.errors import TunerError


def _model(files: Path, **config: Any) -> Model:
    given = {"source": str(files / "tiny.onnx"), "voices": str(files / "voices.bin"), **config}
    return resolve_model(given, lambda line: None)


def test_an_fp32_file_has_all_variants(model: Model) -> None:
    assert set(model.variants) == {FP32, FP16, INT8}
    assert (model.native, model.reference) == (FP32, FP32)
    assert model.facts["voice"] == "one"
    assert 0 < float(model.facts["file_mib_int8"]) < float(model.facts["file_mib_fp32"])


def test_what_is_spoken_with_is_part_of_the_model(files: Path, tmp_path: Path) -> None:
    (tmp_path / "phrases.txt").write_text("Right away.\n")
    models = [
        _model(files), _model(files, voice="two"), _model(files, language="en-gb"),
        _model(files, phrases=str(tmp_path / "phrases.txt")),
    ]  # fmt: skip
    assert len({m.digest for m in models}) == 4
    assert models[3].facts["phrases"] == "Right away."


def test_a_converted_file_is_fixed_to_its_precision(model: Model, files: Path) -> None:
    made = prepare(model, {"quantization": INT8}, lambda line: None)
    assert made.quantization == INT8
    assert set(_model(files, source=made.path).variants) == {INT8}
    both = _model(files, source=None, variants={FP32: str(files / "tiny.onnx"), INT8: made.path})
    assert both.reference == FP32


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"voices": None}, "no file of voices is given"),
        ({"voices": "/nowhere/voices.bin"}, "there is no file of voices"),
        ({"voice": "three"}, "unknown voice of voices.bin"),
        ({"language": "xx-yy"}, "unknown model.language 'xx-yy'"),
        ({"language": "en-gb+f3"}, "unknown model.language"),
        ({"source": "/nowhere/kokoro.onnx"}, "there is no model file"),
        ({"n_ctx": 4}, "unknown model option"),
    ],
)
def test_what_is_wrong_is_said(files: Path, config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(TunerError, match=complaint) as caught:
        _model(files, **config)
    assert caught.value.hint


def test_a_file_without_voices_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.bin").write_text("no archive")
    with (tmp_path / "flat.bin").open("wb") as file:
        np.savez(file, one=np.zeros(4))
    for name in ("text.bin", "flat.bin"):
        with pytest.raises(ModelFileError):
            voice_names(tmp_path / name)


def test_generated_voices_are_the_same_every_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        generated_voices(tmp_path / name, 256, "generated")
    assert voice_names(tmp_path / "a") == ["generated"]
    with np.load(tmp_path / "a") as one, np.load(tmp_path / "b") as other:
        assert one["generated"].shape == (510, 1, 256)
        assert np.array_equal(one["generated"], other["generated"])


def test_files_of_a_hub_are_told_by_their_names() -> None:
    sizes = dict.fromkeys(
        ["onnx/model.onnx", "onnx/model_fp16.onnx", "onnx/model_quantized.onnx", "onnx/model_q4.onnx", "voices/a.bin"],
        1,
    )
    assert choose("org/repo", sizes, None) == {FP32: "onnx/model.onnx"}
    assert choose("org/repo", sizes, "onnx/model_fp16.onnx") == {FP16: "onnx/model_fp16.onnx"}
    del sizes["onnx/model.onnx"]
    assert choose("org/repo", sizes, None) == {FP16: "onnx/model_fp16.onnx", INT8: "onnx/model_quantized.onnx"}
    for asked, complaint in (("none.onnx", "has no file"), (None, "has no ONNX file")):
        with pytest.raises(ModelFileError, match=complaint):
            choose("org/repo", {"readme.md": 1}, asked)
