"""The embedded speech model as a folder of CTranslate2 that faster-whisper loads: weights, vocabulary, tokenizer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from engines.embedded.speech_shapes import SPEECH_SHAPES, grow
from engines.embedded.speech_weights import load_speech, speech_digest
from engines.embedded.spoken_tokens import END, FIRST_TIME, NO_TIMES, PREVIOUS, START, VOCABULARY, SpokenTokens
from engines.embedded.whisper_tensors import WhisperSize, tensor_shapes
from engines.faster_whisper.model_bin import write_model
from engines.recognition.byte_level import characters_by_byte
from engines.recognition.ctranslate2_file import MODEL

Array = np.ndarray[Any, Any]
WRITER_VERSION = 1
"""Raised when `write_folder` comes to write something else for the same weights."""
_LANGUAGES = 99
"""Special tokens of a published English-only model between START and the tasks, which have no use there."""
_GELU = 3
_SCALARS = {
    "decoder/activation": np.int8(_GELU), "decoder/alibi": np.int8(0), "decoder/alignment_heads": np.int16(1),
    "decoder/alignment_layer": np.int16(-1), "decoder/pre_norm": np.int8(1), "decoder/scale_embeddings": np.int8(0),
    "decoder/start_from_zero_embedding": np.int8(0),
}  # fmt: skip


def digest(shape: str) -> str:
    """What the folder of `shape` depends on, as a SHA-256."""
    size = SPEECH_SHAPES[shape].size
    return hashlib.sha256(f"ctranslate2 {speech_digest()} {size} {WRITER_VERSION}".encode()).hexdigest()


def folder_bytes(shape: str) -> int:
    """About how large the folder of `shape` is."""
    return sum(2 * int(np.prod(s)) for s in tensor_shapes(SPEECH_SHAPES[shape].size, VOCABULARY).values()) + (4 << 20)


def write_folder(shape: str, folder: Path, progress: Callable[[str], None]) -> None:
    """Write the model of `shape` in float16 into an empty folder. The same bytes each time."""
    weights, size = load_speech(), SPEECH_SHAPES[shape].size
    progress(f"writing the embedded model {shape} for CTranslate2")
    tokens = _tokens(weights.tokens)
    write_model(folder / MODEL, sorted(_variables(dict(grow(weights, size)), size)))
    (folder / "vocabulary.json").write_text(json.dumps(tokens), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps(_CONFIG), encoding="utf-8")
    (folder / "tokenizer.json").write_text(_tokenizer(tokens), encoding="utf-8")


_CONFIG = {"alignment_heads": [[0, 0]], "lang_ids": [], "suppress_ids": [], "suppress_ids_begin": [ord(" "), END]}


def _variables(ours: dict[str, Array], size: WhisperSize) -> Iterator[tuple[str, Array]]:
    """The tensors by CTranslate2's names: attentions fused, the keys with a bias of zeros."""
    yield from ((name, np.asarray(value)) for name, value in _SCALARS.items())
    for stage, norm in (("encoder", "ln_post"), ("decoder", "ln")):
        yield f"{stage}/num_heads", np.asarray(size.heads, np.int16)
        yield f"{stage}/position_encodings/encodings", ours[f"{stage}.positional_embedding"]
        yield from _norm(ours, f"{stage}.{norm}", f"{stage}/layer_norm")
        for layer in range(size.layers):
            yield from _layer(ours, f"{stage}.blocks.{layer}", f"{stage}/layer_{layer}", cross=stage == "decoder")
    yield "decoder/embeddings/weight", ours["decoder.token_embedding.weight"]
    for conv in ("conv1", "conv2"):
        yield f"encoder/{conv}/weight", ours[f"encoder.{conv}.weight"]
        yield f"encoder/{conv}/bias", ours[f"encoder.{conv}.bias"].ravel()


def _layer(ours: dict[str, Array], name: str, place: str, cross: bool) -> Iterator[tuple[str, Array]]:
    yield from _norm(ours, f"{name}.attn_ln", f"{place}/self_attention/layer_norm")
    for number, parts in enumerate((("query", "key", "value"), ("out",))):
        yield from _linear(ours, f"{name}.attn", parts, f"{place}/self_attention/linear_{number}")
    if cross:
        yield from _norm(ours, f"{name}.cross_attn_ln", f"{place}/attention/layer_norm")
        for number, parts in enumerate((("query",), ("key", "value"), ("out",))):
            yield from _linear(ours, f"{name}.cross_attn", parts, f"{place}/attention/linear_{number}")
    yield from _norm(ours, f"{name}.mlp_ln", f"{place}/ffn/layer_norm")
    yield from _linear(ours, f"{name}.mlp", ("0",), f"{place}/ffn/linear_0")
    yield from _linear(ours, f"{name}.mlp", ("2",), f"{place}/ffn/linear_1")


def _norm(ours: dict[str, Array], name: str, place: str) -> Iterator[tuple[str, Array]]:
    yield f"{place}/gamma", ours[f"{name}.weight"]
    yield f"{place}/beta", ours[f"{name}.bias"]


def _linear(ours: dict[str, Array], name: str, parts: Iterable[str], place: str) -> Iterator[tuple[str, Array]]:
    weights = [ours[f"{name}.{part}.weight"] for part in parts]
    biases = [
        ours.get(f"{name}.{part}.bias", np.zeros(len(weight), np.float32))
        for part, weight in zip(parts, weights, strict=True)
    ]
    yield f"{place}/weight", np.concatenate(weights)
    yield f"{place}/bias", np.concatenate(biases)


def _tokens(tokens: SpokenTokens) -> list[str]:
    """Every token as byte-level tokenizers write it, the special ones by the names that faster-whisper looks for."""
    characters = characters_by_byte()
    text = ["".join(characters[byte] for byte in tokens.piece(number)) for number in range(END)]
    special = {END: "<|endoftext|>", START: "<|startoftranscript|>", PREVIOUS: "<|startofprev|>"}
    special |= {START + 1 + number: f"<|language {number}|>" for number in range(_LANGUAGES)}
    after = START + 1 + _LANGUAGES
    special |= {after: "<|translate|>", after + 1: "<|transcribe|>", after + 2: "<|startoflm|>"}
    special |= {NO_TIMES - 1: "<|nocaptions|>", NO_TIMES: "<|notimestamps|>"}
    times = [f"<|{0.02 * number:.2f}|>" for number in range(VOCABULARY - FIRST_TIME)]
    return [*text, *(special[number] for number in range(END, FIRST_TIME)), *times]


def _tokenizer(tokens: list[str]) -> str:
    """A tokenizer of bytes and whole words in the form of the library `tokenizers`."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    content = {
        "version": "1.0",
        "added_tokens": [{"id": END + at, "content": text, **flags} for at, text in enumerate(tokens[END:FIRST_TIME])],
        "pre_tokenizer": byte_level,
        "decoder": byte_level,
        "model": {"type": "BPE", "vocab": {text: at for at, text in enumerate(tokens[:END])}, "merges": []},
    }
    return json.dumps(content)
