"""The language model that needs no download: `write_gguf` writes it as an F16 GGUF file of a chosen shape."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engines.embedded.outliers import OCTAVES, with_outliers
from engines.embedded.shapes import SHAPES, Shape, embed, norm_epsilon, tensor_shapes, tensor_type
from engines.embedded.tokenizer import BOS, CHAT_TEMPLATE, EOS, ROLES, UNKNOWN, Tokenizer
from engines.embedded.weights import HEAD_SIZE, ROPE_THETA, load_weights, weights_digest
from engines.errors import MissingLibraryError
from engines.install import install_hint
from search_spaces.errors import unknown_name

__all__ = ["SHAPES", "Shape", "digest", "file_bytes", "write_gguf"]

CONTEXT_LENGTH = 4096
_WRITER_VERSION = 1
"""Part of the digest: raise it when the same weights and shape would give another file."""


def digest(shape_name: str) -> str:
    """The identity (64 hex digits) of what `write_gguf` would write. Raises TunerError for no such shape."""
    dimensions = vars(_shape(shape_name).dimensions)
    identity = [_WRITER_VERSION, OCTAVES, shape_name, dimensions, CHAT_TEMPLATE, weights_digest()]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


def file_bytes(shape_name: str) -> int:
    """About how large the file will be, 1 MiB of header included."""
    shapes = tensor_shapes(_shape(shape_name).dimensions, load_weights().tokenizer.size)
    return sum(math.prod(shape) * tensor_type(shape).itemsize for shape in shapes.values()) + (1 << 20)


def write_gguf(shape_name: str, path: Path, progress: Callable[[str], None]) -> None:
    """Write the model in shape `shape_name` to `path`, whole or not at all; the same bytes every time.

    Tensors are made one by one, so memory stays below 0.5 GB. Raises TunerError for no such shape, MissingLibraryError
    without gguf, ModelFileError when the shipped weights are damaged, OSError when `path` cannot be written.
    """
    _shape(shape_name)
    descriptor, name = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
    os.close(descriptor)
    part = Path(name)
    try:
        _write(shape_name, part, progress)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _write(shape_name: str, path: Path, progress: Callable[[str], None]) -> None:
    large, weights = SHAPES[shape_name].dimensions, with_outliers(load_weights())
    shapes = tensor_shapes(large, weights.tokenizer.size)
    writer = _gguf().GGUFWriter(path, "llama", use_temp_file=False)
    try:
        _add_metadata(writer, shape_name)
        _add_tokenizer(writer, weights.tokenizer)
        for name, shape in shapes.items():
            kind = tensor_type(shape)
            writer.add_tensor_info(name, shape, kind, math.prod(shape) * kind.itemsize)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        told = 0
        for at, (_, tensor) in enumerate(embed(weights, large)):
            writer.write_tensor_data(tensor)
            percent = 100 * (at + 1) // len(shapes)
            if percent >= told + 10 or percent == 100:
                progress(f"writing the embedded model {shape_name} {percent} %")
                told = percent
    finally:
        writer.close()


def _add_metadata(writer: Any, shape_name: str) -> None:
    large, small = SHAPES[shape_name].dimensions, load_weights().dimensions
    writer.add_name(f"embedded {shape_name}")
    writer.add_description("a small language model trained on generated voice-assistant dialogues, in a larger shape")
    writer.add_license("apache-2.0")
    writer.add_context_length(CONTEXT_LENGTH)
    writer.add_embedding_length(large.width)
    writer.add_block_count(large.layers)
    writer.add_feed_forward_length(large.feed_forward)
    writer.add_head_count(large.heads)
    writer.add_head_count_kv(large.kv_heads)
    writer.add_rope_dimension_count(HEAD_SIZE)
    writer.add_rope_freq_base(ROPE_THETA)
    writer.add_layer_norm_rms_eps(norm_epsilon(small, large))
    writer.add_file_type(_gguf().LlamaFileType.MOSTLY_F16)


def _add_tokenizer(writer: Any, tokenizer: Tokenizer) -> None:
    kind = _gguf().TokenType
    tokens = ["<unk>", "<s>", "</s>", *ROLES, *(f"<0x{byte:02X}>" for byte in range(256)), *tokenizer.pieces]
    types = [kind.UNKNOWN, kind.CONTROL, kind.CONTROL, *[kind.CONTROL] * len(ROLES), *[kind.BYTE] * 256]
    types += [kind.NORMAL] * len(tokenizer.pieces)
    scores = [0.0] * (len(tokens) - len(tokenizer.pieces)) + [-float(rank) for rank in range(len(tokenizer.pieces))]
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_unk_token_id(UNKNOWN)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _shape(name: str) -> Shape:
    if name not in SHAPES:
        raise unknown_name("shape of the embedded model", name, SHAPES)
    return SHAPES[name]


def _gguf() -> Any:
    try:
        import gguf
    except ImportError as error:
        raise MissingLibraryError("the gguf package is not installed", install_hint("llm")) from error
    return gguf
