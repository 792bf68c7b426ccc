"""Clips that fail as a whole, which a mean over words hides: nothing heard, words without end, a late answer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from engines.recognition.transcripts import normaliser

CONFIDENCE = 0.95
USUAL_LIMIT = 0.12
"""Of `failed_clips_upper`, in the engines' configuration."""
TIMES_THE_WORDS, MORE_WORDS = 2, 3
RUN, REPEATED, TIMES_AS_SAID = 3, 4, 2
TIMES_AS_SLOW, TIMES_THE_SOUND = 5.0, 2.0
UNSPACED = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km", "bo"})
"""Languages that are written without spaces, of which characters are counted instead of words."""


def failure(said: str, heard: str, language: str) -> str:
    """How the transcript of a clip fails as a whole, in words; "" where it does not, right or wrong as it may be.

    Nothing heard where something is said; over twice as many words as are said, and three more; or three words in a row
    that come four times or oftener, and at least twice as often as they are said: an insertion loop. A clip without a
    word to be heard cannot fail.
    """
    expected, words = units(said, language), units(heard, language)
    if not expected:
        return ""
    if not words:
        return "nothing was heard"
    if len(words) > TIMES_THE_WORDS * len(expected) + MORE_WORDS:
        return f"{len(words)} words were heard where {len(expected)} are said"
    runs, as_said = _runs(words), _runs(expected)
    run, times = max(runs.items(), key=lambda entry: entry[1], default=((), 0))
    if times >= REPEATED and times >= TIMES_AS_SAID * as_said[run]:
        return f"{' '.join(run)!r} was heard {times} times"
    return ""


def lateness(seconds: float, reference_s: float, sound_s: float, given_up: bool = False) -> str:
    """How a transcript comes so late that a person waits, in words; "" where it does not.

    It takes over five times as long as the reference configuration took for the same clip, and over twice the length of
    the sound: what falls into whisper's fallbacks does. It is given up then where the engine can.
    """
    if seconds <= latest_s(reference_s, sound_s) and not given_up:
        return ""
    least = "over " if given_up else ""
    return f"it took {least}{seconds:.1f} s, {seconds / reference_s:.0f} times as long as the reference"


def latest_s(reference_s: float, sound_s: float) -> float:
    """Seconds from which on a transcript counts as late."""
    return max(TIMES_AS_SLOW * reference_s, TIMES_THE_SOUND * sound_s)


def upper_bound(failed: int, clips: int) -> float:
    """The 95 % one-sided upper bound (Clopper-Pearson) on the share of all clips that fail, where `failed` did."""
    if not failed:
        return float(1 - (1 - CONFIDENCE) ** (1 / clips))
    from scipy.stats import beta

    return 1.0 if failed >= clips else float(beta.ppf(CONFIDENCE, failed + 1, clips - failed))


def clips_needed(limit: float) -> int:
    """How many clips, none of which fails, bring the bound down to `limit`."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log(1 - limit))


def units(text: str, language: str) -> Sequence[str]:
    """The normalised text in words, or in characters where words are not told apart in writing."""
    normalised = normaliser(language)(text)
    return normalised.replace(" ", "") if language in UNSPACED else normalised.split()


def _runs(words: Sequence[str]) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[at:] for at in range(RUN)), strict=False))
