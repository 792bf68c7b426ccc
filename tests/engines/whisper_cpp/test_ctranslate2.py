"""A trained model, written as CTranslate2 has it, comes back as the ggml file that it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.base import Model
from engines.embedded.clips import CLIPS_AUDIO, UTTERANCE, spoken_clips
from engines.errors import ModelFileError
from engines.recognition.byte_level import PIECES, pieces
from engines.whisper_cpp.ctranslate2 import as_ggml, name_of
from engines.whisper_cpp.ggml_file import read_header
from engines.whisper_cpp.models import prepare, resolve_model
from engines.whisper_cpp.session import WhisperCppSession
from tests.engines.whisper_cpp.conftest import quiet
from tests.engines.whisper_cpp.ctranslate2_builder import (
    pieces_of,
    some_pieces,
    tensors_of,
    variables_of,
    write_model,
    write_tokenizer,
    written,
)

Variables = dict[str, np.ndarray[Any, Any]]


@pytest.fixture(scope="module")
def variables(model_path: Path) -> Variables:
    return variables_of(read_header(model_path))


@pytest.fixture
def folder(tmp_path: Path, model_path: Path, variables: Variables) -> Path:
    """The trained model as faster-whisper would load it."""
    place = tmp_path / "faster-whisper-small.en"
    place.mkdir()
    write_model(place / "model.bin", variables)
    texts = written(pieces_of(read_header(model_path)))
    (place / "vocabulary.json").write_text(json.dumps(texts), encoding="utf-8")
    return place


def test_it_is_the_same_file_as_the_one_it_came_from(folder: Path, model_path: Path) -> None:
    made = as_ggml(folder, quiet)
    before, after = read_header(model_path), read_header(made)
    assert after.numbers == before.numbers
    assert after.size_bytes == before.size_bytes
    assert pieces_of(after) == pieces_of(before)
    ours, theirs = tensors_of(before), tensors_of(after)
    assert set(ours) == set(theirs)
    for name, tensor in ours.items():
        assert theirs[name].dtype == tensor.dtype, name
        # A model of CTranslate2 in float16 has its vectors in float16 too.
        np.testing.assert_array_equal(theirs[name], tensor.astype(np.float16).astype(tensor.dtype), name)


def test_whisper_cpp_hears_with_it_what_it_heard_before(folder: Path, model: Model) -> None:
    import soundfile

    clip = next(c for c in spoken_clips() if c.kind == UTTERANCE)
    audio, rate = soundfile.read(CLIPS_AUDIO, dtype="float32")
    samples = audio[round(clip.start_s * rate) : round((clip.start_s + clip.seconds) * rate)]
    own = resolve_model({"source": str(folder)}, quiet)
    session = WhisperCppSession(own, prepare(own, {}, quiet), {"quantization": "F16", "n_threads": 1})
    try:
        assert session.hear(samples).strip(" .").lower() == clip.text.lower()
    finally:
        session.close()


def test_a_folder_is_a_model_with_every_variant(folder: Path) -> None:
    own = resolve_model({"source": str(folder), "language": "en"}, quiet)
    assert (own.name, own.source, own.native) == ("faster-whisper-small.en", str(folder), "F16")
    assert "Q5_0" in own.variants
    made = prepare(own, {"quantization": "F16"}, quiet)
    assert made.sha256 == own.digest
    assert resolve_model({"variants": {"F16": str(folder)}}, quiet).digest == own.digest


def test_it_is_written_once_and_anew_when_the_weights_change(
    folder: Path, variables: Variables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "cache"))
    told: list[str] = []
    first = as_ggml(folder, told.append)
    assert as_ggml(folder, told.append) == first
    assert len(told) == 1
    write_model(folder / "model.bin", {**variables, "decoder/layer_norm/beta": variables["decoder/layer_norm/gamma"]})
    assert as_ggml(folder, told.append) != first


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_other_precisions_become_f16(kind: str, folder: Path, variables: Variables, model_path: Path) -> None:
    write_model(folder / "model.bin", variables, kind)
    theirs, ours = tensors_of(read_header(as_ggml(folder, quiet))), tensors_of(read_header(model_path))
    name = "decoder.blocks.1.cross_attn.value.weight"
    np.testing.assert_allclose(theirs[name], ours[name], rtol=0 if kind == "float32" else 1 / 128)
    assert (name, theirs[name].dtype) == (name, np.dtype("<f2"))


def test_tokenizer_json_is_read_through_the_table_of_bytes(tmp_path: Path) -> None:
    wanted = some_pieces()
    texts = written(wanted)
    assert texts[0] == "Ā"
    assert texts[ord("A")] == "A"
    assert texts[300] == "Ġw300"
    assert pieces(write_tokenizer(tmp_path / "tokenizer.json", [*texts, "<|startoftranscript|>"])) == wanted


def test_a_list_of_lines_is_a_vocabulary_too(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.txt"
    path.write_text("\n".join(written(some_pieces())), encoding="utf-8")
    assert pieces(path) == some_pieces()


def test_the_name_in_a_cache_of_a_hub_is_the_repository() -> None:
    assert name_of(Path("/c/models--Systran--faster-whisper-tiny.en/snapshots/0d3d19a")) == "faster-whisper-tiny.en"


def refused(folder: Path) -> ModelFileError:
    with pytest.raises(ModelFileError) as caught:
        resolve_model({"source": str(folder)}, quiet)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


def _without(name: str) -> Callable[[Path, Variables], object]:
    def spoil(folder: Path, variables: Variables) -> object:
        return write_model(folder / "model.bin", {k: v for k, v in variables.items() if k != name})

    return spoil


def _with(name: str, values: np.ndarray[Any, Any]) -> Callable[[Path, Variables], object]:
    return lambda folder, variables: write_model(folder / "model.bin", {**variables, name: values})


def _cut(folder: Path, variables: Variables) -> None:
    whole = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(whole[: len(whole) // 2])


def _text(name: str, content: str) -> Callable[[Path, Variables], object]:
    return lambda folder, variables: (folder / name).write_text(content, encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder, variables: (folder / "model.bin").unlink(), "has no model.bin: it is no model of CTranslate2"),
        (lambda folder, variables: (folder / "vocabulary.json").unlink(), "has no vocabulary"),
        (_text("model.bin", "GGUF and more"), "is no model.bin of CTranslate2's version 6"),
        (_text("model.bin", ""), "is truncated: it ends after 0 bytes"),
        (_cut, "is truncated: it ends after"),
        (lambda folder, v: write_model(folder / "model.bin", v, spec="TransformerSpec"), "of TransformerSpec, not"),
        (lambda folder, v: write_model(folder / "model.bin", v, "int8"), "is quantized (int8)"),
        (_without("decoder/embeddings/weight"), "has no decoder/embeddings/weight"),
        (_without("decoder/layer_1/attention/linear_1/bias"), "has no decoder/layer_1/attention/linear_1/bias"),
        (_with("encoder/layer_0/self_attention/linear_0/bias", np.ones(384, np.float32)), "a bias of the keys"),
        (_with("encoder/conv1/weight", np.ones(5, np.float32)), "has encoder/conv1/weight of shape (5,)"),
        (_text("vocabulary.json", "["), "is no vocabulary of a Whisper"),
        (_text("vocabulary.json", '["Ġa"]'), f"has 1 pieces, and a Whisper has {PIECES} at least"),
        (_text("tokenizer.json", '{"model": {"vocab": {"漢": 0}}}'), "is no vocabulary of a Whisper"),
    ],
)
def test_what_is_no_such_model_is_one_line(
    spoil: Callable[[Path, Variables], object], message: str, folder: Path, variables: Variables
) -> None:
    spoil(folder, variables)
    assert message in refused(folder).message


def test_a_folder_of_a_hubs_cache_names_the_one_inside(folder: Path, tmp_path: Path) -> None:
    inner = tmp_path / "models--ORG--NAME" / "snapshots" / "abc"
    inner.parent.mkdir(parents=True)
    folder.rename(inner)
    assert refused(tmp_path / "models--ORG--NAME").hint == f"did you mean {inner}?"
