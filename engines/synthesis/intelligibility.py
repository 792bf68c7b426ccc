"""Word errors of speech by the ear of a whisper.cpp model of the user's.

The speech model that ships knows the words of commands only and cannot judge other sentences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from engines.cache import file_sha256
from engines.synthesis.speech import F32
from search_spaces.parameter import Params

ENGLISH = "en"
Sound = tuple[F32, int]
"""Samples, and their rate in Hz."""
Ear = Mapping[str, str]
"""Who listens: `model`, its `sha256`, and the `language`."""


def listener(path: str, language: str | None) -> Ear:
    """The material of a workload that says who listens. Raises ModelFileError."""
    from engines.whisper_cpp.ggml_file import read_header

    file = Path(path).expanduser().absolute()
    read_header(file)
    return {"model": str(file), "sha256": file_sha256(file), "language": language or ENGLISH}


def word_errors(who: Ear, texts: Sequence[str], said: Sequence[Sound], reference: Sequence[Sound]) -> dict[str, float]:
    """`wer` and `cer` of what is heard in `said`, and `wer_increase` over what is heard in the reference's audio.

    Raises EngineError and MissingLibraryError (`whisper_cpp`).
    """
    from engines.recognition.transcripts import count_errors
    from engines.whisper_cpp.models import prepare, resolve_model
    from engines.whisper_cpp.session import WhisperCppSession

    language = str(who["language"])
    model = resolve_model({"source": who["model"], "language": language}, _silent)
    params: Params = {"quantization": model.native}
    session = WhisperCppSession(model, prepare(model, params, _silent), params)
    try:
        heard = [session.hear(_resampled(*sound)) for sound in said]
        heard_of_reference = [session.hear(_resampled(*sound)) for sound in reference]
    finally:
        session.close()
    errors, of_reference = (count_errors(texts, words, language) for words in (heard, heard_of_reference))
    return {"wer": errors.wer, "cer": errors.cer, "wer_increase": errors.wer - of_reference.wer}


def _resampled(audio: F32, sample_rate: int) -> F32:
    import soxr

    from engines.recognition.audio import SAMPLE_RATE

    resampled: F32 = soxr.resample(audio, sample_rate, SAMPLE_RATE)
    return resampled


def _silent(line: str) -> None:
    """Judging has no progress of its own."""
