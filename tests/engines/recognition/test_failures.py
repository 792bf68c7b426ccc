from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from engines.recognition.failures import USUAL_LIMIT, clips_needed, failure, lateness, upper_bound

ENGINES = Path(__file__).parents[3] / "engines"


@pytest.mark.parametrize(
    ("said", "heard", "why"),
    [
        ("turn it off", "", "nothing was heard"),
        ("turn it off", "[BLANK_AUDIO]", "nothing was heard"),
        ("yes", "yes yes yes yes yes", ""),
        ("yes", "yes yes yes yes yes no", "6 words were heard where 1 are said"),
        ("turn it off", "turn it of and on again please my dear", ""),
        ("turn it off now", "the dog the dog the dog the dog", ""),
        (
            "the cat sat down and the dog ran",
            "the cat sat the cat sat the cat sat the cat sat",
            "'the cat sat' was heard 4 times",
        ),
        ("[laughter]", "and so on and so on", ""),
        ("play it again sam " * 4, "play it again sam " * 4, ""),
    ],
)
def test_what_counts_as_a_clip_that_fails(said: str, heard: str, why: str) -> None:
    assert failure(said, heard, "en") == why


def test_where_words_are_not_told_apart_characters_are_counted() -> None:
    assert failure("今日は天気がいい", "今日は天気がいいですね", "ja") == ""
    assert failure("今日は", "今日は" * 5, "ja") == "15 words were heard where 3 are said"


_words = st.lists(st.sampled_from(["one", "cat", "dog", "house"]), min_size=1, max_size=40).map(" ".join)


@given(_words)
def test_what_is_heard_as_it_is_said_is_no_failure(text: str) -> None:
    assert failure(text, text.upper() + ".", "en") == ""


def test_a_transcript_is_late_beside_the_reference_and_beside_the_sound() -> None:
    assert lateness(125.0, 1.2, 1.5) == "it took 125.0 s, 104 times as long as the reference"
    assert lateness(5.9, 1.2, 1.5) == "", "within five times of the reference"
    assert lateness(2.9, 0.2, 1.5) == "", "within twice the sound"


@given(st.integers(1, 120), st.data())
def test_the_bound_is_where_so_few_failures_are_unlikely(clips: int, data: st.DataObject) -> None:
    failed = data.draw(st.integers(0, clips))
    bound = upper_bound(failed, clips)
    assert failed / clips < bound or bound == 1.0
    if failed < clips:
        assert binom.cdf(failed, clips, bound) == pytest.approx(0.05, abs=1e-6)


def test_the_usual_limit_needs_24_clips_and_is_that_of_the_engines() -> None:
    assert clips_needed(USUAL_LIMIT) == 24
    assert upper_bound(0, 24) < USUAL_LIMIT < upper_bound(0, 23)
    assert upper_bound(1, 38) < USUAL_LIMIT < upper_bound(1, 37)
    files = [path for path in ENGINES.glob("*/conf/engine/*.yaml") if "wer_increase" in path.read_text()]
    assert files
    for path in files:
        assert yaml.safe_load(path.read_text())["constraints"]["failed_clips_upper"] == USUAL_LIMIT, path
