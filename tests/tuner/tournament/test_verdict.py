"""What a study's end says."""

import pytest

from tuner.core.objective import Objective
from tuner.core.stats import RatioTest
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.tournament.tournament import TournamentResult
from tuner.tournament.verdict import counted, interrupted, nothing_feasible, sentence

SPEED = Objective("decode_tokens_per_second")


def failed(number, reason, status=TrialStatus.INFEASIBLE):
    return TrialResult(number, {}, status, reason)


def test_reasons_that_differ_in_figures_only_are_one():
    text = nothing_feasible(
        [failed(0, "kld 0.21 > 0.05"), failed(1, "kld 1.3e-1 > 0.05; x"), failed(2, "no"), failed(3, "no more")]
    )
    assert text == "no feasible configuration among 4 trials; most often (2): kld 0.21 > 0.05"


def test_an_interruption_says_what_is_kept():
    assert "before the first trial" in interrupted([], SPEED)
    assert interrupted([failed(0, "no")], SPEED) == ("interrupted: 1 finished trial kept; the same command goes on")
    metrics = {SPEED.metric: MetricValue(12.345, None, "tok/s")}
    text = interrupted([TrialResult(0, {}, TrialStatus.OK, metrics=metrics), failed(1, "no")], SPEED)
    assert text.endswith("best so far, not proven: trial 0 with decode_tokens_per_second 12.35")


@pytest.mark.parametrize(
    ("high", "noise_message"), [(1.08, "noise may hide a gain of up to 8 %"), (1.02, "95 % interval 0.970 to 1.020)")]
)
def test_keeping_the_default_says_how_near_the_best_finalist_came(high, noise_message):
    """No gain, and a gain that noise hid, are not the same."""
    finalists = [
        {"number": 3, "ratio": 1.01, "ci95": [0.97, high], "pairs": 14, "failure": "", "breaks": ""},
        {"number": 4, "ratio": 0.9, "ci95": [0.8, 1.0], "pairs": 14, "failure": "", "breaks": ""},
        {"number": 5, "ratio": None, "ci95": None, "pairs": 0, "failure": "", "breaks": ""},
    ]
    document = {"pairs": 16, "finalists": finalists}
    result = TournamentResult(document, "keep_default", TrialResult(0, {}, TrialStatus.OK), None, None, None, {}, {})
    text = sentence(result, SPEED.metric)
    assert text.startswith("keep the default: no finalist has a significantly higher decode tokens per second over 14")
    assert "the best, trial 3, is ×1.010" in text
    assert noise_message in text
    assert ("hide" in text) == (high > 1.03)


def test_faster_finalists_that_may_not_win_are_said_to_be_so():
    """It would be untrue that no finalist is faster."""
    finalists = [
        {"number": 3, "ratio": 1.4, "ci95": [1.3, 1.5], "pairs": 8, "failure": "", "breaks": "ftl_ms 204 > 200"},
        {"number": 4, "ratio": 1.2, "ci95": [1.1, 1.3], "pairs": 4, "failure": "signal SIGKILL", "breaks": ""},
    ]
    document = {"pairs": 8, "finalists": finalists}
    result = TournamentResult(document, "keep_default", TrialResult(0, {}, TrialStatus.OK), None, None, None, {}, {})
    text = sentence(result, SPEED.metric)
    assert "significantly" not in text
    assert "trial 3: ftl_ms 204 > 200, trial 4: signal SIGKILL" in text


def test_a_gain_is_a_sentence_with_its_proof():
    winner = TrialResult(21, {}, TrialStatus.OK)
    test = RatioTest(3.177, (3.032, 3.329), 1e-9, 8)
    document = {"pairs": 8, "finalists": []}
    text = sentence(TournamentResult(document, "gain", winner, None, test, 1e-8, {}, {}), SPEED.metric)
    assert text == (
        "trial 21 is 3.18 times as good as the default in decode_tokens_per_second "
        "(95 % interval 3.03 to 3.33, 8 pairs)"
    )


def test_one_trial_is_not_plural():
    assert (counted(1), counted(2, "finished "), counted(0)) == ("1 trial", "2 finished trials", "0 trials")
