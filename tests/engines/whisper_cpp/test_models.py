from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engines.base import Model
from engines.errors import ModelFileError, UnsupportedError
from engines.whisper_cpp.hub_choice import choose
from engines.whisper_cpp.models import prepare, resolve_model
from search_spaces.errors import TunerError
from tests.engines.recognition.conftest import quiet
from tests.engines.whisper_cpp.conftest import SHAPE


def test_a_file_has_every_variant_on_demand(model: Model, model_path: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(model_path, tmp_path / "ggml-mine.bin"))
    own = resolve_model({"source": str(path)}, quiet)
    assert (own.name, own.native, own.reference) == ("ggml-mine", "F16", "F16")
    assert set(own.variants) == {"F16", "Q8_0", "Q5_1", "Q5_0", "Q4_0"}
    assert own.digest == model.digest
    assert own.facts["n_audio_state"] == 128


def test_a_quantized_file_is_what_it_is(model: Model) -> None:
    path = prepare(model, {"quantization": "Q5_0"}, quiet).path
    own = resolve_model({"source": path}, quiet)
    assert (list(own.variants), own.native) == (["Q5_0"], "Q5_0")
    with pytest.raises(UnsupportedError, match="has no F16 variant"):
        prepare(own, {"quantization": "F16"}, quiet)


def test_variants_of_the_user(model: Model) -> None:
    paths = {name: prepare(model, {"quantization": name}, quiet).path for name in ("Q5_0", "Q8_0")}
    own = resolve_model({"variants": paths}, quiet)
    assert own.reference == own.native == "Q8_0"
    assert prepare(own, {"quantization": "Q5_0"}, quiet).path == paths["Q5_0"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "neither a source nor variants"),
        ({"source": "embedded", "shape": "whisper-tinny"}, "whisper-tinny"),
        ({"source": "/nowhere/m.bin"}, "there is no model file"),
        ({"source": "/nowhere/m.bin", "variants": {"F16": "x"}}, "both a source and variants"),
        ({"source": "/nowhere/m.bin", "shape": SHAPE}, "for the embedded model alone"),
        ({"source": "embedded", "shape": SHAPE, "n_ctx": 512}, "n_ctx"),
        ({"source": "embedded", "shape": SHAPE, "language": "de"}, "knows English only"),
        ({"source": "embedded", "shape": SHAPE, "vad_model": "/nowhere.bin"}, "there is no voice activity model"),
        ({"source": "hf:only-one-part"}, "is not a model on a hub"),
    ],
)
def test_a_wrong_configuration_is_one_line(config: dict[str, object], message: str) -> None:
    with pytest.raises(TunerError) as caught:
        resolve_model(config, quiet)
    assert message in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_a_voice_activity_model_turns_its_knob_on(tmp_path: Path) -> None:
    (tmp_path / "vad.bin").write_bytes(b"lmgg and more")
    own = resolve_model({"source": "embedded", "shape": SHAPE, "vad_model": str(tmp_path / "vad.bin")}, quiet)
    assert own.facts["vad"] is True
    assert own.facts["vad_model"] == str(tmp_path / "vad.bin")


@pytest.mark.parametrize("content", [b"", b"\x08\x08\x12\x07pytorch"])
def test_a_voice_activity_model_of_another_format_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "silero_vad.onnx").write_bytes(content)
    with pytest.raises(TunerError, match=r"silero_vad\.onnx is no ggml file") as caught:
        resolve_model({"source": "embedded", "shape": SHAPE, "vad_model": str(tmp_path / "silero_vad.onnx")}, quiet)
    assert "download-vad-model.sh" in caught.value.hint


def test_a_repository_of_one_model() -> None:
    files = {"ggml-base.bin": 1, "ggml-base-q5_1.bin": 1, "README.md": 1}
    assert choose("o/r", files, None) == {"F16": "ggml-base.bin"}
    assert choose("o/r", {"ggml-base-q5_1.bin": 1, "ggml-base-q8_0.bin": 1}, None) == {
        "Q5_1": "ggml-base-q5_1.bin",
        "Q8_0": "ggml-base-q8_0.bin",
    }
    assert choose("o/r", files, "ggml-base-q5_1.bin") == {"Q5_1": "ggml-base-q5_1.bin"}


@pytest.mark.parametrize(
    ("files", "file", "message"),
    [
        ({"model.gguf": 1}, None, "has no ggml file"),
        ({"ggml-base.bin": 1, "ggml-tiny.bin": 1}, None, "several models: base, tiny"),
        ({"ggml-base.bin": 1}, "ggml-tiny.bin", "has no file ggml-tiny.bin"),
    ],
)
def test_a_repository_that_does_not_tell(files: dict[str, int], file: str | None, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        choose("o/r", files, file)
