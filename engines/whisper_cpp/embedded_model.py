"""The embedded speech model as a ggml file of a true shape."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engines.embedded.log_mel import mel_filters
from engines.embedded.speech_shapes import SPEECH_SHAPES, grow
from engines.embedded.speech_weights import load_speech, speech_digest
from engines.embedded.spoken_tokens import END, VOCABULARY
from engines.embedded.whisper_tensors import AUDIO_CONTEXT, TEXT_CONTEXT, tensor_shapes
from engines.whisper_cpp.ggml_file import FILE_TYPES, Hyperparameters, write_start, write_tensor

WRITER_VERSION = 1
"""Raised when `write_ggml` comes to write something else for the same weights."""


def digest(shape: str) -> str:
    """What the file of `shape` depends on, as a SHA-256."""
    size = SPEECH_SHAPES[shape].size
    return hashlib.sha256(f"{speech_digest()} {size} {WRITER_VERSION}".encode()).hexdigest()


def file_bytes(shape: str) -> int:
    """About how large the file of `shape` is."""
    shapes = tensor_shapes(SPEECH_SHAPES[shape].size, VOCABULARY).values()
    return sum(int(np.prod(s)) * (4 if len(s) == 1 else 2) for s in shapes) + (4 << 20)


def write_ggml(shape: str, path: Path, progress: Callable[[str], None]) -> None:
    """Write the model of `shape` in F16. The same bytes each time."""
    weights, size = load_speech(), SPEECH_SHAPES[shape].size
    progress(f"writing the embedded model {shape}")
    numbers = Hyperparameters(
        n_vocab=VOCABULARY,
        n_audio_ctx=AUDIO_CONTEXT,
        n_audio_state=size.width,
        n_audio_head=size.heads,
        n_audio_layer=size.layers,
        n_text_ctx=TEXT_CONTEXT,
        n_text_state=size.width,
        n_text_head=size.heads,
        n_text_layer=size.layers,
        n_mels=mel_filters().shape[0],
        ftype=FILE_TYPES["F16"],
    )
    with path.open("wb") as file:
        # As in the published files, the special tokens have no text: whisper.cpp names them itself.
        write_start(file, numbers, mel_filters(), (weights.tokens.piece(token) for token in range(END + 1)))
        for name, tensor in grow(weights, size):
            write_tensor(file, name, tensor.shape, "F32" if tensor.dtype == np.float32 else "F16", tensor)
