"""Audio files of any usual format and rate, as recognisers want them: one channel of float32 at 16 kHz."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from engines.errors import MissingLibraryError
from engines.install import install_hint
from search_spaces.errors import TunerError

SAMPLE_RATE = 16000
SHORTEST_S, LONGEST_S = 0.1, 1800.0
"""whisper.cpp passes over less than 0.1 s; a round over more than half an hour would never end."""
SUFFIXES: Mapping[str, frozenset[str]] = {
    ".wav": frozenset({"WAV", "WAVEX", "RF64"}),
    ".flac": frozenset({"FLAC"}),
    ".ogg": frozenset({"OGG"}),
    ".oga": frozenset({"OGG"}),
    ".opus": frozenset({"OGG"}),
    ".mp3": frozenset({"MP3"}),
}
"""What counts as an audio file in a folder, and the formats that its name promises."""
_SILENT = 1e-3
"""Peak of a recording without any sound: below the last bits of 16-bit audio that was dithered (−60 dB)."""
_KEPT_FILES = 512

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

F32: TypeAlias = "NDArray[np.float32]"


class AudioError(TunerError):
    """A file of audio cannot be used."""


@dataclass(frozen=True)
class AudioFacts:
    """What a file's header tells. `mislabelled` names the true format where the file's name promises another."""

    seconds: float
    rate: int
    mislabelled: str


def audio_facts(path: Path) -> AudioFacts:
    """The length and rate of a file, without decoding it. Raises AudioError for what can be told to be of no use."""
    soundfile = _library("soundfile")
    try:
        if path.stat().st_size == 0:
            raise AudioError(f"{path} is an empty file", "record or copy it again")
        info = soundfile.info(str(path))
    except FileNotFoundError as error:
        raise AudioError(f"there is no audio file {path}", "check the path") from error
    except OSError as error:
        raise AudioError(f"cannot read {path}: {error.strerror}", "check its permissions") from error
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{path} cannot be decoded: {_reason(error)}", "use WAV, FLAC, OGG or MP3; ffmpeg converts others"
        ) from error
    seconds = info.frames / info.samplerate if info.samplerate else 0.0
    if info.frames == 0:
        raise AudioError(f"{path} has no sound in it: 0 samples", "record it again")
    if seconds < SHORTEST_S:
        raise AudioError(f"{path} is {1e3 * seconds:.0f} ms long, and recognisers hear from 100 ms on", "leave it out")
    if seconds > LONGEST_S:
        raise AudioError(
            f"{path} is {seconds / 60:.0f} minutes long, above the limit of {LONGEST_S / 60:.0f}",
            "cut it into pieces with transcripts of their own",
        )
    promised = SUFFIXES.get(path.suffix.lower())
    return AudioFacts(seconds, info.samplerate, "" if promised is None or info.format in promised else info.format)


@lru_cache(maxsize=_KEPT_FILES)
def load_audio(path: Path) -> F32:
    """The whole file as (samples,) within ±1 at SAMPLE_RATE, channels averaged. Raises AudioError as `audio_facts`,

    and for a recording that is silent or whose content does not decode.
    """
    import numpy as np

    soundfile, soxr = _library("soundfile"), _library("soxr")
    audio_facts(path)
    try:
        channels, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{path} cannot be decoded: {_reason(error)}", "record or convert it again") from error
    audio = channels.mean(axis=1)
    if rate != SAMPLE_RATE:
        audio = soxr.resample(audio, rate, SAMPLE_RATE)
    if not np.isfinite(audio).all():
        raise AudioError(f"{path} has samples that are no numbers", "convert it again")
    if float(np.abs(audio).max(initial=0.0)) < _SILENT:
        raise AudioError(f"{path} is silent", "leave it out, or check the microphone that it came from")
    return np.ascontiguousarray(audio, np.float32)


def _reason(error: Exception) -> str:
    """One line without the path, which is named already."""
    text = str(getattr(error, "error_string", "") or error)
    return " ".join(text.split()).rstrip(".") or "unknown format"


def _library(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:
        raise MissingLibraryError(f"{name} cannot be used: {error}", install_hint("stt")) from error
