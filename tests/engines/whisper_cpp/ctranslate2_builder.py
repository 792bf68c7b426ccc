"""Folders of CTranslate2, written from the tensors of a ggml file: the way back from what is tested."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engines.recognition.byte_level import PIECES
from engines.whisper_cpp.ggml_file import GgmlHeader

Array = np.ndarray[Any, Any]
TYPES = {"float32": 0, "int8": 1, "int16": 2, "float16": 4, "bfloat16": 5}


def tensors_of(header: GgmlHeader) -> dict[str, Array]:
    """Every tensor of a file in F16 or F32."""
    dtypes = {"F16": "<f2", "F32": "<f4"}
    with header.path.open("rb") as file:
        found = {}
        for tensor in header.tensors:
            file.seek(tensor.offset)
            values = np.frombuffer(file.read(tensor.size_bytes), dtypes[tensor.type])
            found[tensor.name] = values.reshape(tensor.shape)
    return found


def pieces_of(header: GgmlHeader) -> list[bytes]:
    """The vocabulary of a ggml file."""
    with header.path.open("rb") as file:
        file.seek(4 + 4 * 11)
        mels, bins = struct.unpack("<2i", file.read(8))
        file.seek(4 * mels * bins, 1)
        (count,) = struct.unpack("<i", file.read(4))
        return [file.read(struct.unpack("<i", file.read(4))[0]) for _ in range(count)]


def variables_of(header: GgmlHeader) -> dict[str, Array]:
    """The variables by CTranslate2's names: attentions fused, the keys with a bias of zeros."""
    ours, numbers = tensors_of(header), header.numbers
    theirs: dict[str, Array] = {"encoder/num_heads": np.array(numbers.n_audio_head, np.int16)}
    for stage, norm in (("encoder", "ln_post"), ("decoder", "ln")):
        theirs[f"{stage}/position_encodings/encodings"] = ours[f"{stage}.positional_embedding"]
        theirs |= _norm(ours, f"{stage}.{norm}", f"{stage}/layer_norm")
    theirs["decoder/embeddings/weight"] = ours["decoder.token_embedding.weight"]
    for conv in ("conv1", "conv2"):
        theirs[f"encoder/{conv}/weight"] = ours[f"encoder.{conv}.weight"]
        theirs[f"encoder/{conv}/bias"] = ours[f"encoder.{conv}.bias"].ravel()
    for layer in range(numbers.n_audio_layer):
        theirs |= _block(ours, f"encoder.blocks.{layer}", f"encoder/layer_{layer}")
    for layer in range(numbers.n_text_layer):
        theirs |= _block(ours, f"decoder.blocks.{layer}", f"decoder/layer_{layer}")
        cross = f"decoder.blocks.{layer}.cross_attn"
        place = f"decoder/layer_{layer}/attention"
        theirs |= _norm(ours, f"{cross}_ln", f"{place}/layer_norm")
        for number, parts in enumerate((("query",), ("key", "value"), ("out",))):
            theirs |= _linear(ours, cross, parts, f"{place}/linear_{number}")
    return theirs


def _block(ours: Mapping[str, Array], name: str, place: str) -> dict[str, Array]:
    return {
        **_norm(ours, f"{name}.attn_ln", f"{place}/self_attention/layer_norm"),
        **_linear(ours, f"{name}.attn", ("query", "key", "value"), f"{place}/self_attention/linear_0"),
        **_linear(ours, f"{name}.attn", ("out",), f"{place}/self_attention/linear_1"),
        **_norm(ours, f"{name}.mlp_ln", f"{place}/ffn/layer_norm"),
        **_linear(ours, f"{name}.mlp", ("0",), f"{place}/ffn/linear_0"),
        **_linear(ours, f"{name}.mlp", ("2",), f"{place}/ffn/linear_1"),
    }


def _norm(ours: Mapping[str, Array], name: str, place: str) -> dict[str, Array]:
    return {f"{place}/gamma": ours[f"{name}.weight"], f"{place}/beta": ours[f"{name}.bias"]}


def _linear(ours: Mapping[str, Array], name: str, parts: tuple[str, ...], place: str) -> dict[str, Array]:
    weights = [ours[f"{name}.{part}.weight"] for part in parts]
    biases = [
        ours.get(f"{name}.{part}.bias", np.zeros(len(w), np.float32)) for part, w in zip(parts, weights, strict=True)
    ]
    return {f"{place}/weight": np.concatenate(weights), f"{place}/bias": np.concatenate(biases)}


def write_model(path: Path, variables: Mapping[str, Array], kind: str = "float16", spec: str = "WhisperSpec") -> Path:
    """A `model.bin`: what is float becomes `kind`; whole numbers stay."""
    with path.open("wb") as file:
        file.write(struct.pack("<I", 6) + _text(spec) + struct.pack("<2I", 3, len(variables)))
        for name, values in variables.items():
            stored, of = (_as(values, kind), kind) if values.dtype.kind == "f" else (values, values.dtype.name)
            file.write(_text(name) + struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape))
            file.write(struct.pack("<BI", TYPES[of], stored.nbytes) + stored.tobytes())
        file.write(struct.pack("<I", 0))
    return path


def _as(values: Array, kind: str) -> Array:
    if kind == "bfloat16":
        return (values.astype("<f4").view("<u4") >> 16).astype("<u2")
    return values.astype(kind)


def _text(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def written(pieces: list[bytes]) -> list[str]:
    """Pieces as byte-level tokenizers write them."""
    characters, after = {}, 256
    for byte in range(256):
        shown = 0x21 <= byte <= 0x7E or 0xA1 <= byte <= 0xAC or byte >= 0xAE
        characters[byte] = chr(byte) if shown else chr(after)
        after += not shown
    return ["".join(characters[byte] for byte in piece) for piece in pieces]


def write_tokenizer(path: Path, texts: list[str]) -> Path:
    """A `tokenizer.json` with that vocabulary."""
    data = {"model": {"type": "BPE", "vocab": {text: number for number, text in enumerate(texts)}}}
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def some_pieces() -> list[bytes]:
    """As many as a Whisper has, all different: the bytes, then words."""
    return [*(bytes([byte]) for byte in range(256)), *(f" w{number}".encode() for number in range(256, PIECES))]
