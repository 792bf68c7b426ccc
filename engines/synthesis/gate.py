"""Whether audio could be speech of its text at all. What fails here has no speed: a configuration is never timed on it.

The limits are far from what any voice does, so that none is refused for its taste: see each field.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from engines.errors import InvalidOutputError
from engines.synthesis.speech import F32

FULL_SCALE = 0.999
_FRAME_S = 0.05
_QUIET_DBFS = -120.0


@dataclass(frozen=True)
class Limits:
    """What is refused.

    `loudest_dbfs`: the loudest 50 ms below it are silence (a whisper recorded with care is above −40).
    `silent_share`: of the frames, more than 40 dB below the loudest (pauses of read speech are 10 to 40 %).
    `clipped_share`: of the samples, in flat tops: at full scale or beyond, as both neighbours are (speech that is
    normalised to its peak touches it with single samples).
    `letters_a_second`: the slowest and the fastest voice (reading aloud: 12 to 15; the fastest talkers: 30; espeak at
    its fastest: 43), beside `pause_s` of silence that any audio may have. Where there is a reference it knows better.
    `of_reference`: the length as a share of the reference configuration's for the same text, within `slack_s` (espeak
    reads a text in clauses in 0.89 to 1.0 of it).
    """

    loudest_dbfs: float = -50.0
    silent_share: float = 0.85
    clipped_share: float = 0.001
    letters_a_second: tuple[float, float] = (3.0, 60.0)
    pause_s: float = 2.0
    of_reference: tuple[float, float] = (0.85, 1.4)
    slack_s: float = 0.1


def check(audio: F32, sample_rate: int, text: str, limits: Limits = Limits(), reference_s: float | None = None) -> None:
    """Raise InvalidOutputError, which names the check, the value and the limit, unless `audio` could say `text`.

    `reference_s` is the length in seconds of the reference configuration's audio, where there is one.
    """
    complaint = (
        _not_finite(audio)
        or _silent(audio, sample_rate, limits)
        or _clipped(audio, limits)
        or (
            _implausible(audio.size / sample_rate, text, limits)
            if reference_s is None
            else _unlike_reference(audio.size / sample_rate, reference_s, limits)
        )
    )
    if complaint:
        raise InvalidOutputError(f"{complaint} (text: {_shown(text)})")


def check_sound(audio: F32, sample_rate: int, text: str, limits: Limits = Limits()) -> None:
    """Raise InvalidOutputError where `audio` is no sound at all, whatever it says: for a piece of a text."""
    if complaint := _not_finite(audio) or _silent(audio, sample_rate, limits):
        raise InvalidOutputError(f"{complaint} (text: {_shown(text)})")


def letters(text: str) -> float:
    """How much there is to say, in Latin letters: a digit stands for a word, an ideograph for a syllable."""
    return sum(_weight(c) for c in text)


def least_letters(text: str) -> float:
    """How little there may be to say: a number may be one short word for many digits ("1000000")."""
    return sum(1.0 if c.isdecimal() else _weight(c) for c in text)


def _weight(character: str) -> float:
    if character.isdecimal():
        return 4.0
    if not character.isalnum():
        # Marks of reading are silent, symbols such as % and € are words.
        return 5.0 if unicodedata.category(character) in ("Sc", "Sm") or character in "%&@" else 0.0
    return 3.0 if unicodedata.east_asian_width(character) in "WF" else 1.0


def _not_finite(audio: F32) -> str:
    import numpy as np

    bad = int(audio.size - np.isfinite(audio).sum())
    return f"the audio is not finite: {bad} of {audio.size} samples are NaN or infinite, the limit is 0" if bad else ""


def _silent(audio: F32, sample_rate: int, limits: Limits) -> str:
    if not audio.size:
        return "the audio is empty: 0 samples"
    levels = _levels_dbfs(audio, sample_rate)
    loudest = float(levels.max())
    if loudest < limits.loudest_dbfs:
        return f"the audio is silent: its loudest 50 ms are at {loudest:.0f} dBFS, the limit is {limits.loudest_dbfs:g}"
    share = float((levels < loudest - 40.0).mean())
    if share > limits.silent_share:
        return f"the audio is silent for {share:.0%} of its length, the limit is {limits.silent_share:.0%}"
    return ""


def _levels_dbfs(audio: F32, sample_rate: int) -> F32:
    """The root mean square of each frame of 50 ms without its mean, because a constant is silent too."""
    import numpy as np

    size = min(audio.size, max(1, round(_FRAME_S * sample_rate)))
    frames = audio[: audio.size // size * size].reshape(-1, size).astype(np.float64)
    levels: F32 = 20 * np.log10(np.maximum(frames.std(axis=1), 10 ** (_QUIET_DBFS / 20)))
    return levels


def _clipped(audio: F32, limits: Limits) -> str:
    full = abs(audio) >= FULL_SCALE
    share = float((full[:-2] & full[1:-1] & full[2:]).sum()) / audio.size
    if share <= limits.clipped_share:
        return ""
    return f"the audio is clipped: {share:.2%} of the samples are in flat tops, the limit is {limits.clipped_share:.2%}"


def _implausible(seconds: float, text: str, limits: Limits) -> str:
    slowest, fastest = limits.letters_a_second
    low, high = least_letters(text) / fastest, letters(text) / slowest + limits.pause_s
    if seconds < low:
        return f"the audio is too short for its text: {seconds:.2f} s, the limit is {low:.2f} s ({fastest:g} letters/s)"
    if seconds > high:
        return f"the audio is too long for its text: {seconds:.2f} s, the limit is {high:.2f} s ({slowest:g} letters/s)"
    return ""


def _unlike_reference(seconds: float, reference_s: float, limits: Limits) -> str:
    least, most = limits.of_reference
    ratio, low, high = seconds / reference_s, least * reference_s - limits.slack_s, most * reference_s + limits.slack_s
    if seconds < low:
        return (
            f"the audio is truncated: {seconds:.2f} s, {ratio:.2f} of the reference's {reference_s:.2f} s, "
            f"the limit is {least:g}"
        )
    if seconds > high:
        return (
            f"the audio is too long: {seconds:.2f} s, {ratio:.2f} of the reference's {reference_s:.2f} s, "
            f"the limit is {most:g}"
        )
    return ""


def _shown(text: str) -> str:
    """One line of 40 characters at most."""
    line = " ".join(text.split())
    return repr(line if len(line) <= 40 else line[:39] + "…")
