"""A Whisper in a folder of CTranslate2, as faster-whisper loads it, written as a ggml file in F16 into the cache.

The library itself is not needed. CTranslate2 keeps query, key and value of an attention in one matrix (of the cross
attention, key and value), which are rows here; whisper.cpp has no bias of the keys, and in Whisper it is zero.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.base import Progress
from engines.cache import cache_root, file_sha256, make_once
from engines.errors import ModelFileError
from engines.recognition.byte_level import pieces, vocabulary_file
from engines.recognition.ctranslate2_file import MODEL, CTranslate2File, read_file
from engines.whisper_cpp.ggml_file import FILE_TYPES, Hyperparameters, write_start, write_tensor

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

WRITER_VERSION = 1
"""Raised when something else comes to be written for the same folder."""
_SNAPSHOTS = "snapshots"
_HEAD_WIDTH = 64
_PRECISE = ("float32", "float16", "bfloat16")


def as_ggml(folder: Path, progress: Progress) -> Path:
    """The ggml file of the Whisper in `folder`, written unless the cache has it.

    Raises ModelFileError where the folder holds none, or one that is quantized, truncated or damaged.
    """
    model, vocabulary = folder / MODEL, vocabulary_file(_checked(folder))
    read = read_file(model)
    _check_precise(read)
    content = f"{file_sha256(model, progress)} {file_sha256(vocabulary, progress)} {WRITER_VERSION}"
    path = cache_root() / "ggml" / f"{name_of(folder)}-{hashlib.sha256(content.encode()).hexdigest()[:16]}.bin"

    def make(temporary: Path) -> None:
        progress(f"writing {folder} as a ggml file")
        write(read, pieces(vocabulary), temporary)

    return make_once(path, 2 * model.stat().st_size, make)


def name_of(folder: Path) -> str:
    """What the model is called: the folder's name, or the repository's where it lies in a hub's cache."""
    folder = folder.absolute()
    if folder.parent.name == _SNAPSHOTS:
        return folder.parent.parent.name.rpartition("--")[2]
    return folder.name


def _checked(folder: Path) -> Path:
    """The folder, if there is a model in it."""
    if (folder / MODEL).is_file():
        return folder
    inner = next(iter(sorted(folder.glob(f"{_SNAPSHOTS}/*/{MODEL}"))), None)
    hint = f"did you mean {inner.parent}?" if inner else "give a ggml file, or a folder that faster-whisper loads"
    raise ModelFileError(f"the folder {folder} has no {MODEL}: it is no model of CTranslate2", hint)


def _check_precise(model: CTranslate2File) -> None:
    kinds = {v.type for name, v in model.variables.items() if name.endswith("/weight")} - set(_PRECISE)
    if kinds:
        raise ModelFileError(
            f"{model.path} is quantized ({', '.join(sorted(kinds))}), and whisper.cpp quantizes in another way",
            "give the folder in float16 or float32: quantized variants are made from it",
        )


def write(model: CTranslate2File, vocabulary: list[bytes], path: Path) -> None:
    """Write the model in F16, its vectors and positions in F32. Raises ModelFileError where something is missing."""
    import numpy as np

    from engines.embedded.log_mel import mel_filters

    numbers = _numbers(model)
    with path.open("wb") as file:
        write_start(file, numbers, mel_filters(numbers.n_mels), vocabulary)
        for name, values in _tensors(model, numbers):
            kept = values.ndim == 1 or values.shape[-1] == 1 or name.endswith("positional_embedding")
            kind, dtype = ("F32", np.dtype("<f4")) if kept else ("F16", np.dtype("<f2"))
            write_tensor(file, name, values.shape, kind, np.ascontiguousarray(values, dtype))


def _numbers(model: CTranslate2File) -> Hyperparameters:
    """The sizes, as the shapes tell them."""
    audio = _shape(model, "encoder/position_encodings/encodings", 2)
    text = _shape(model, "decoder/position_encodings/encodings", 2)
    return Hyperparameters(
        n_vocab=_shape(model, "decoder/embeddings/weight", 2)[0],
        n_audio_ctx=audio[0],
        n_audio_state=audio[1],
        n_audio_head=_heads(model, "encoder", audio[1]),
        n_audio_layer=_layers(model, "encoder"),
        n_text_ctx=text[0],
        n_text_state=text[1],
        n_text_head=_heads(model, "decoder", text[1]),
        n_text_layer=_layers(model, "decoder"),
        n_mels=_shape(model, "encoder/conv1/weight", 3)[1],
        ftype=FILE_TYPES["F16"],
    )


def _shape(model: CTranslate2File, name: str, dimensions: int) -> tuple[int, ...]:
    variable = model.variables.get(name)
    if variable is None or len(variable.shape) != dimensions:
        has = f"{name} of shape {variable.shape}" if variable else f"no {name}"
        raise ModelFileError(f"{model.path} has {has}: it is no whole Whisper", "download or convert it again")
    return variable.shape


def _heads(model: CTranslate2File, stage: str, width: int) -> int:
    """Older files do not say how many: those of every published Whisper are 64 wide."""
    name = f"{stage}/num_heads"
    return int(model.read(name)) if name in model.variables else width // _HEAD_WIDTH


def _layers(model: CTranslate2File, stage: str) -> int:
    number = 0
    while f"{stage}/layer_{number}/self_attention/linear_0/weight" in model.variables:
        number += 1
    return number


def _tensors(model: CTranslate2File, numbers: Hyperparameters) -> Iterator[tuple[str, Array]]:
    """Every tensor by its name in ggml files, in float32."""
    yield "encoder.positional_embedding", model.read("encoder/position_encodings/encodings")
    for conv in ("conv1", "conv2"):
        yield f"encoder.{conv}.weight", model.read(f"encoder/{conv}/weight")
        yield f"encoder.{conv}.bias", model.read(f"encoder/{conv}/bias")[:, None]
    yield from _norm(model, "encoder/layer_norm", "encoder.ln_post")
    for layer in range(numbers.n_audio_layer):
        yield from _block(model, f"encoder/layer_{layer}", f"encoder.blocks.{layer}", cross=False)
    yield "decoder.positional_embedding", model.read("decoder/position_encodings/encodings")
    yield "decoder.token_embedding.weight", model.read("decoder/embeddings/weight")
    yield from _norm(model, "decoder/layer_norm", "decoder.ln")
    for layer in range(numbers.n_text_layer):
        yield from _block(model, f"decoder/layer_{layer}", f"decoder.blocks.{layer}", cross=True)


def _block(model: CTranslate2File, theirs: str, ours: str, cross: bool) -> Iterator[tuple[str, Array]]:
    attention = f"{theirs}/self_attention"
    yield from _norm(model, f"{attention}/layer_norm", f"{ours}.attn_ln")
    yield from _split(model, f"{attention}/linear_0", f"{ours}.attn", ("query", "key", "value"))
    yield from _split(model, f"{attention}/linear_1", f"{ours}.attn", ("out",))
    if cross:
        attention = f"{theirs}/attention"
        yield from _norm(model, f"{attention}/layer_norm", f"{ours}.cross_attn_ln")
        yield from _split(model, f"{attention}/linear_0", f"{ours}.cross_attn", ("query",))
        yield from _split(model, f"{attention}/linear_1", f"{ours}.cross_attn", ("key", "value"))
        yield from _split(model, f"{attention}/linear_2", f"{ours}.cross_attn", ("out",))
    yield from _norm(model, f"{theirs}/ffn/layer_norm", f"{ours}.mlp_ln")
    yield from _split(model, f"{theirs}/ffn/linear_0", f"{ours}.mlp", ("0",))
    yield from _split(model, f"{theirs}/ffn/linear_1", f"{ours}.mlp", ("2",))


def _norm(model: CTranslate2File, theirs: str, ours: str) -> Iterator[tuple[str, Array]]:
    yield f"{ours}.weight", model.read(f"{theirs}/gamma")
    yield f"{ours}.bias", model.read(f"{theirs}/beta")


def _split(model: CTranslate2File, theirs: str, ours: str, parts: tuple[str, ...]) -> Iterator[tuple[str, Array]]:
    """A linear layer that stands for several: equal shares of its rows."""
    weight, bias = model.read(f"{theirs}/weight"), model.read(f"{theirs}/bias")
    rows = len(weight) // len(parts)
    for number, part in enumerate(parts):
        begin = number * rows
        yield f"{ours}.{part}.weight", weight[begin : begin + rows]
        if part != "key":
            yield f"{ours}.{part}.bias", bias[begin : begin + rows]
        elif bias[begin : begin + rows].any():
            raise ModelFileError(
                f"{model.path} has a bias of the keys in {theirs}", "Whisper has none: convert it again"
            )
