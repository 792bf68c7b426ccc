"""The trained speech model as it ships: one file with its size, its words and its tensors under their ggml names."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from engines.embedded.spoken_tokens import SpokenTokens
from engines.embedded.weights import F16, join_bytes, split_bytes
from engines.embedded.whisper_tensors import WhisperSize
from engines.errors import ModelFileError

SPEECH_FILE = Path(__file__).with_name("speech_model.xz")


@dataclass(frozen=True)
class SpeechWeights:
    """The trained model. `tensors` are row-major, with the rows of `tokens` only; `notes` say how it was trained."""

    size: WhisperSize
    tokens: SpokenTokens
    tensors: Mapping[str, F16]
    notes: Mapping[str, Any]


def speech_digest() -> str:
    """SHA-256 of the shipped file."""
    return hashlib.sha256(_read(SPEECH_FILE)).hexdigest()


@lru_cache(maxsize=1)
def load_speech(path: Path = SPEECH_FILE) -> SpeechWeights:
    """The shipped model. Raises ModelFileError when the installation is damaged."""
    try:
        arrays = np.load(io.BytesIO(lzma.decompress(_read(path))), allow_pickle=False)
        header = json.loads(arrays["header"].tobytes())
        tensors = {name: join_bytes(arrays[name], tuple(shape)) for name, shape in header["shapes"].items()}
    except (lzma.LZMAError, ValueError, KeyError, EOFError, OSError) as error:
        raise ModelFileError(f"the embedded model {path} is damaged: {error}", "reinstall the package") from error
    return SpeechWeights(WhisperSize(**header["size"]), SpokenTokens(tuple(header["words"])), tensors, header["notes"])


def save_speech(weights: SpeechWeights, path: Path) -> None:
    """Write the file that `load_speech` reads. `tensors` should come from `shorten`, or the file is larger."""
    header = {
        "size": vars(weights.size),
        "words": weights.tokens.words,
        "notes": dict(weights.notes),
        "shapes": {name: tensor.shape for name, tensor in weights.tensors.items()},
    }
    arrays = {name: split_bytes(tensor) for name, tensor in weights.tensors.items()}
    plain = io.BytesIO()
    np.savez(plain, header=np.frombuffer(json.dumps(header).encode(), np.uint8), allow_pickle=False, **arrays)
    path.write_bytes(lzma.compress(plain.getvalue(), preset=9))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"the embedded model is missing: {error}", "reinstall the package") from error
