"""The published model: what the stand-in, which has no melody, cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from engines.base import Model, Workload
from engines.kokoro import engine
from engines.kokoro.engine import KokoroEngine
from engines.published.catalogue import catalogue
from engines.published.places import options_for
from engines.synthesis.sentences import shipped
from search_spaces.parameter import Params

pytestmark = [pytest.mark.published, pytest.mark.slow]
LIMITS: Mapping[str, float] = yaml.safe_load(
    (Path(engine.__file__).parent / "conf/engine/kokoro.yaml").read_text(encoding="utf-8")
)["constraints"]


@pytest.fixture(scope="module")
def alpha() -> Model:
    return KokoroEngine().resolve_model(options_for(catalogue()["kokoro-v1.0-int8"], "kokoro"), lambda line: None)


@pytest.fixture(scope="module")
def texts(alpha: Model) -> Workload:
    """A long text of two sentences and five clauses, and its reference."""
    sentences = [shipped("long")[1].text]
    workload = KokoroEngine().resolve_workload({"sentences": sentences}, alpha, lambda line: None)
    KokoroEngine().prepare_quality(alpha, workload, lambda line: None)
    return workload


def judged(model: Model, workload: Workload, params: Params) -> Mapping[str, float]:
    session = KokoroEngine().open(model, params)
    try:
        return session.quality(workload)
    finally:
        session.close()


def test_the_default_is_at_no_distance_and_sentences_are_within_the_limits(alpha: Model, texts: Workload) -> None:
    assert judged(alpha, texts, {})["mel_distance_db_worst"] < 0.1
    sentences = judged(alpha, texts, {"split": "sentence"})
    assert 3 < sentences["mel_distance_db_worst"] < LIMITS["mel_distance_db_worst"]
    assert sentences["duration_ratio_worst"] < LIMITS["duration_ratio_worst"]


def test_clauses_with_melodies_of_their_own_are_refused(alpha: Model, texts: Workload) -> None:
    found = judged(alpha, texts, {"split": "clause"})["mel_distance_db_worst"]
    assert LIMITS["mel_distance_db_worst"] < found < 9


def test_a_pause_more_in_the_same_sound_is_no_distance(alpha: Model) -> None:
    """So that it is the melody that a split is refused for, and not the alignment."""
    import numpy as np

    from engines.kokoro.session import SAMPLE_RATE, SENTENCE_PAUSE_S
    from engines.synthesis.comparison import distance, features, peak_power

    session = KokoroEngine().open(alpha, {})
    whole = np.concatenate(list(session.speak(shipped("answer")[0].text)))  # type: ignore[attr-defined]
    session.close()
    loudness = np.convolve(np.abs(whole), np.ones(1200) / 1200, mode="same")
    at = whole.size // 4 + int(loudness[whole.size // 4 : -whole.size // 4].argmin())
    paused = np.insert(whole, at, np.zeros(round(SENTENCE_PAUSE_S * SAMPLE_RATE), np.float32))
    peak = peak_power(whole, SAMPLE_RATE)
    apart = distance(features(paused, SAMPLE_RATE, peak), features(whole, SAMPLE_RATE, peak)).metrics(1)
    assert apart["mel_distance_db"] < 1
    assert apart["duration_ratio"] > 1.03
