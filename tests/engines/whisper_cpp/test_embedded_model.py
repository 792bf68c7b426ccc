"""The trained speech model, its shapes, and its files as whisper.cpp computes them."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.embedded.clips import CHUNK, CLIPS_AUDIO, UTTERANCE, spoken_clips
from engines.embedded.speech_shapes import SPEECH_SHAPES, grow
from engines.embedded.speech_weights import SpeechWeights, load_speech, save_speech
from engines.embedded.spoken_tokens import END, NO_TIMES, START, VOCABULARY
from engines.embedded.whisper_tensors import WhisperSize, tensor_shapes
from engines.errors import ModelFileError
from engines.recognition.audio import load_audio
from engines.whisper_cpp.embedded_model import file_bytes, write_ggml
from engines.whisper_cpp.ggml_file import read_header
from engines.whisper_cpp.library import binding

_VOICES_HELD_OUT = ("m5", "f5", "Andy", "Michael", "david", "linda", "steph", "travis")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("shapes")
    paths = {name: folder / f"{name}.bin" for name in ("small-trained", "whisper-tiny", "whisper-base")}
    for name, path in paths.items():
        write_ggml(name, path, lambda text: None)
    return paths


@functools.cache
def _library() -> ctypes.CDLL:
    """whisper.cpp itself: the binding hands out one of the logits only."""
    binding()
    loaded = Path("/proc/self/maps").read_text() if Path("/proc/self/maps").exists() else ""
    path = next((line.split()[-1] for line in loaded.splitlines() if "libwhisper" in line), "")
    if not path:
        pytest.skip("the loaded library cannot be told here")
    library = ctypes.CDLL(path)
    library.whisper_init_from_file.restype = ctypes.c_void_p
    library.whisper_get_logits.restype = ctypes.POINTER(ctypes.c_float)
    return library


def _logits(path: Path, audio: np.ndarray[Any, Any], tokens: list[int]) -> np.ndarray[Any, Any]:
    """The logits after `tokens`, by whisper.cpp itself, on a whole window."""
    library = _library()
    context = ctypes.c_void_p(library.whisper_init_from_file(str(path).encode()))
    sound = audio.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    numbers = (ctypes.c_int * len(tokens))(*tokens)
    try:
        assert library.whisper_pcm_to_mel(context, sound, audio.size, 2) == 0
        assert library.whisper_encode(context, 0, 2) == 0
        assert library.whisper_decode(context, numbers, len(tokens), 0, 2) == 0
        return np.ctypeslib.as_array(library.whisper_get_logits(context), (len(tokens), VOCABULARY))[-1].copy()
    finally:
        library.whisper_free(context)


def test_every_shape_computes_what_the_small_model_computes(files: dict[str, Path]) -> None:
    clip = spoken_clips()[130]
    audio = load_audio(CLIPS_AUDIO)[round(clip.start_s * 16000) : round((clip.start_s + clip.seconds) * 16000)]
    tokens = [START, NO_TIMES]
    small = _logits(files["small-trained"], audio, tokens)
    assert small.max() - small.min() > 5
    for name in ("whisper-tiny", "whisper-base"):
        large = _logits(files[name], audio, tokens)
        assert int(large.argmax()) == int(small.argmax())
        np.testing.assert_allclose(large, small, atol=0.15)


@pytest.mark.parametrize("name", ["small-trained", "whisper-tiny", "whisper-base"])
def test_a_file_has_the_true_shape(files: dict[str, Path], name: str) -> None:
    header, size = read_header(files[name]), SPEECH_SHAPES[name].size
    assert header.quantization == "F16"
    assert (header.numbers.n_audio_state, header.numbers.n_audio_layer) == (size.width, size.layers)
    assert header.numbers.n_audio_head * 64 == size.width
    assert {t.name: t.shape for t in header.tensors} == tensor_shapes(size, VOCABULARY)
    assert header.size_bytes == pytest.approx(file_bytes(name), rel=0.2)


def test_the_same_bytes_each_time(files: dict[str, Path], tmp_path: Path) -> None:
    write_ggml("small-trained", tmp_path / "again.bin", lambda text: None)
    assert (tmp_path / "again.bin").read_bytes() == files["small-trained"].read_bytes()


@pytest.mark.parametrize("size", [WhisperSize(192, 4), WhisperSize(128, 3), WhisperSize(64, 4)])
def test_a_shape_without_room_is_refused(size: WhisperSize) -> None:
    with pytest.raises(ValueError, match="cannot be grown"):
        next(grow(load_speech(), size))


def test_weights_survive_the_file(tmp_path: Path) -> None:
    weights = load_speech()
    save_speech(weights, tmp_path / "w.xz")
    again = load_speech.__wrapped__(tmp_path / "w.xz")
    assert isinstance(again, SpeechWeights)
    assert (again.size, again.tokens, dict(again.notes)) == (weights.size, weights.tokens, dict(weights.notes))
    assert set(again.tensors) == set(weights.tensors)
    assert all(np.array_equal(again.tensors[name], weights.tensors[name]) for name in weights.tensors)


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "w.xz").write_bytes(b"no weights")
    with pytest.raises(ModelFileError, match="is damaged"):
        load_speech.__wrapped__(tmp_path / "w.xz")
    with pytest.raises(ModelFileError, match="is missing"):
        load_speech.__wrapped__(tmp_path / "none.xz")


def test_what_was_measured_when_it_was_trained() -> None:
    errors = load_speech().notes["held_out_word_error"]
    assert errors["clean"] <= 0.05
    assert errors["white_10_db"] <= 0.15
    assert errors["pink_10_db"] <= 0.15


def test_the_clips_are_what_they_are_said_to_be() -> None:
    clips = spoken_clips()
    lengths = {CHUNK: (0.5, 1.5), UTTERANCE: (2.0, 4.0)}
    for kind, (least, most) in lengths.items():
        of_kind = [clip for clip in clips if clip.kind == kind]
        assert len(of_kind) == 120
        assert len({clip.text for clip in of_kind}) == 120
        assert all(least <= clip.seconds <= most + 0.01 for clip in of_kind)
    assert sum(clip.noise != "" for clip in clips) == 40
    assert all(clip.voice.endswith(_VOICES_HELD_OUT) for clip in clips)
    audio = load_audio(CLIPS_AUDIO)
    assert audio.size == pytest.approx(16000 * (clips[-1].start_s + clips[-1].seconds), abs=160)
    for clip in clips:
        part = audio[round(clip.start_s * 16000) : round((clip.start_s + clip.seconds) * 16000)]
        assert np.abs(part).max() > 0.1


def test_the_end_token_ends_what_is_heard(files: dict[str, Path]) -> None:
    clip = spoken_clips()[130]
    audio = load_audio(CLIPS_AUDIO)[round(clip.start_s * 16000) : round((clip.start_s + clip.seconds) * 16000)]
    tokens = [START, NO_TIMES]
    for _ in range(20):
        tokens.append(int(_logits(files["small-trained"], audio, tokens).argmax()))
        if tokens[-1] == END:
            break
    assert tokens[-1] == END
    words = load_speech().tokens
    heard = b"".join(words.piece(token) for token in tokens[2:-1]).decode().split()
    assert len(set(heard) & set(clip.text.split())) >= len(set(clip.text.split())) // 2
