"""How far audio is from the reference configuration's of the same text: spectrum, pitch, length.

librosa computes mel spectra, the alignment and the pitch. Distances are over the aligned frames, because a pause that
is a little longer is no other sound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engines.errors import MissingLibraryError
from engines.install import install_hint
from engines.synthesis.speech import F32

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

JUDGING_VERSION = 3
"""Raised when what is laid beside what, or how, changes: quality that was kept in the cache is then measured anew."""
HOP_S, WINDOW_S = 0.0125, 0.05
"""The usual frames of speech synthesis (Tacotron's)."""
N_MELS, HIGHEST_HZ = 80, 8000.0
FLOOR_DB = -80.0
"""Below the reference's loudest band; what is softer is not heard, and the logarithm of nothing is not a sound."""
PITCH_HZ = (65.0, 500.0)
WORST = ("mel_distance_db", "duration_ratio")
"""Metrics that are also told of the worst text: a mean hides one that is garbled or prune among others."""


@dataclass(frozen=True)
class Features:
    """(N_MELS, frames) of mel power in dB, and (frames,) of pitch in Hz, NaN where there is no voice."""

    mel_db: NDArray[np.float32]
    pitch_hz: NDArray[np.float32]


def librosa() -> Any:
    """The library. Raises MissingLibraryError."""
    try:
        import librosa as library
    except ImportError as error:
        raise MissingLibraryError(f"librosa cannot be used: {error}", install_hint("tts")) from error
    return library


def features(audio: F32, sample_rate: int, peak_power: float | None = None) -> Features:
    """Mel spectrum and pitch of `audio`; levels are relative to `peak_power`, its own loudest band unless given."""
    import numpy as np

    library, hop = librosa(), round(HOP_S * sample_rate)
    power = _mel_power(audio, sample_rate)
    peak = float(power.max()) if peak_power is None else peak_power
    mel_db = 10 * np.log10(np.maximum(power / max(peak, 1e-12), 10 ** (FLOOR_DB / 10)))
    pitch, _, _ = library.pyin(
        audio, sr=sample_rate, fmin=PITCH_HZ[0], fmax=PITCH_HZ[1], frame_length=_window(sample_rate), hop_length=hop
    )
    return Features(mel_db.astype(np.float32), pitch.astype(np.float32))


def peak_power(audio: F32, sample_rate: int) -> float:
    """The power of the loudest mel band of `audio`, that levels are relative to."""
    return float(_mel_power(audio, sample_rate).max())


def _mel_power(audio: F32, sample_rate: int) -> NDArray[np.float32]:
    power: NDArray[np.float32] = librosa().feature.melspectrogram(
        y=audio, sr=sample_rate, n_fft=_window(sample_rate), hop_length=round(HOP_S * sample_rate), n_mels=N_MELS,
        fmax=min(HIGHEST_HZ, sample_rate / 2),
    )  # fmt: skip
    return power


def _window(sample_rate: int) -> int:
    """Samples of a window: the power of two that lasts at least WINDOW_S, two periods of the lowest pitch."""
    return 1 << math.ceil(math.log2(WINDOW_S * sample_rate))


@dataclass(frozen=True)
class Distance:
    """Sums that add up over texts: squared errors in dB² per band and frame, in Hz² per voiced frame; seconds."""

    mel: float
    frames: int
    pitch: float
    voiced: int
    log_lengths: float

    def __add__(self, other: Distance) -> Distance:
        return Distance(
            self.mel + other.mel,
            self.frames + other.frames,
            self.pitch + other.pitch,
            self.voiced + other.voiced,
            self.log_lengths + other.log_lengths,
        )

    def metrics(self, texts: int) -> dict[str, float]:
        """`mel_distance_db`, `duration_ratio`, and `f0_rmse_hz` where both have voiced frames."""
        found = {
            "mel_distance_db": math.sqrt(self.mel / self.frames),
            "duration_ratio": math.exp(self.log_lengths / texts),
        }
        return {**found, "f0_rmse_hz": math.sqrt(self.pitch / self.voiced)} if self.voiced else found


def distance(candidate: Features, reference: Features) -> Distance:
    """The distance of two utterances of one text, over frames that dynamic time warping puts together.

    Frames that only one of the two has a voice in have no pitch error. `log_lengths` is the absolute logarithm of the
    ratio of the lengths.
    """
    import numpy as np

    path = _alignment(candidate.mel_db, reference.mel_db)
    ours, theirs = candidate.mel_db[:, path[:, 0]], reference.mel_db[:, path[:, 1]]
    pitches = candidate.pitch_hz[path[:, 0]] - reference.pitch_hz[path[:, 1]]
    both = pitches[np.isfinite(pitches)].astype(np.float64)
    return Distance(
        mel=float(((ours - theirs).astype(np.float64) ** 2).mean(axis=0).sum()),
        frames=len(path),
        pitch=float((both**2).sum()),
        voiced=both.size,
        log_lengths=abs(math.log(candidate.mel_db.shape[1] / reference.mel_db.shape[1])),
    )


def _alignment(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.int64]:
    """(steps, 2) of frame numbers."""
    import numpy as np

    if one.shape == other.shape and np.array_equal(one, other):
        frames = np.arange(one.shape[1])
        return np.stack([frames, frames], axis=1)
    _, path = librosa().sequence.dtw(X=one, Y=other, metric="euclidean")
    steps: NDArray[np.int64] = path[::-1]
    return steps


def judged(distances: Sequence[Distance]) -> dict[str, float]:
    """The metrics over all texts, and those of the text that is farthest off as `…_worst`."""
    each = [d.metrics(1) for d in distances]
    worst = {f"{name}_worst": max(found[name] for found in each) for name in WORST}
    return {**sum(distances, Distance(0.0, 0, 0.0, 0, 0.0)).metrics(len(distances)), **worst}
