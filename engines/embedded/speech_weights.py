"""The trained speech model as it ships: one file with its size, its words and its tensors under their ggml names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from engines.embedded.spoken_tokens import SpokenTokens
from engines.embedded.weight_file import F16, read_bytes, read_weight_file, write_weight_file
from engines.embedded.whisper_tensors import WhisperSize

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
    return hashlib.sha256(read_bytes(SPEECH_FILE)).hexdigest()


@lru_cache(maxsize=1)
def load_speech(path: Path = SPEECH_FILE) -> SpeechWeights:
    """The shipped model. Raises ModelFileError when the installation is damaged."""
    header, tensors = read_weight_file(path)
    return SpeechWeights(WhisperSize(**header["size"]), SpokenTokens(tuple(header["words"])), tensors, header["notes"])


def save_speech(weights: SpeechWeights, path: Path) -> None:
    """Write the file that `load_speech` reads."""
    about = {"size": vars(weights.size), "words": weights.tokens.words, "notes": dict(weights.notes)}
    write_weight_file(path, about, weights.tensors)
