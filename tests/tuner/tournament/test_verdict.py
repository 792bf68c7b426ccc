"""What a study's end says."""

import pytest

from tuner.core.objective import Objective
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.tournament.document import BaselineDocument, FinalistDocument, TournamentDocument
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
    assert interrupted([failed(0, "no")], SPEED) == ("interrupted: 1 finished trial kept; rerun to continue")
    metrics = {SPEED.metric: MetricValue(12.345, None, "tok/s")}
    text = interrupted([TrialResult(0, {}, TrialStatus.OK, metrics=metrics), failed(1, "no")], SPEED)
    assert text.endswith("best so far, not proven: trial 0 with decode_tokens_per_second 12.35")


def finalist(number, ratio=None, ci95=None, pairs=0, failure="", breaks=""):
    p_value = None if ratio is None else 0.01
    return FinalistDocument(number, {}, None, ratio, ci95, p_value, p_value, pairs, False, failure, breaks, {})


def ended(verdict, finalists, winner=0, pairs=16, failure=""):
    baseline = BaselineDocument(0, {}, failure)
    return TournamentDocument(
        SPEED.metric, baseline, {}, tuple(finalists), pairs, 16, (), (), 0, {}, winner, verdict, 20, False
    )


@pytest.mark.parametrize(
    ("high", "said"), [(1.08, "noise may hide a gain of up to 8 %"), (1.02, "95 % interval 0.970 to 1.020)")]
)
def test_keeping_the_default_says_how_near_the_best_finalist_came(high, said):
    """No gain, and a gain that noise hid, are not the same."""
    finalists = [finalist(3, 1.01, (0.97, high), 14), finalist(4, 0.9, (0.8, 1.0), 14), finalist(5)]
    text = sentence(ended("keep_default", finalists))
    higher = "a significantly higher decoding speed (decode_tokens_per_second) over 14 pairs"
    assert text.startswith(f"keep the default: no finalist has {higher}")
    assert "the best, trial 3, is ×1.010" in text
    assert said in text
    assert ("hide" in text) == (high > 1.03)


def test_faster_finalists_that_may_not_win_are_said_to_be_so():
    """It would be untrue that no finalist is faster."""
    finalists = [
        finalist(3, 1.4, (1.3, 1.5), 8, breaks="ftl_ms 204 > 200"),
        finalist(4, 1.2, (1.1, 1.3), 4, failure="signal SIGKILL"),
    ]
    text = sentence(ended("keep_default", finalists, pairs=8))
    assert "significantly" not in text
    assert "trial 3: ftl_ms 204 > 200, trial 4: signal SIGKILL" in text


def test_a_gain_is_a_sentence_with_its_proof():
    text = sentence(ended("gain", [finalist(21, 3.177, (3.032, 3.329), 8)], winner=21))
    assert text == (
        "trial 21 is 3.18 times as good as the default in decode_tokens_per_second "
        "(95 % interval 3.03 to 3.33, 8 pairs)"
    )


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            ended("keep_default", [], pairs=0),
            "keep the default: no other trial came near its decoding speed (decode_tokens_per_second)",
        ),
        (ended("undecided", []), "undecided, so the default stays: no other configuration was measured"),
        (ended("undecided", [finalist(3)]), "undecided, so the default stays: no finalist finished enough pairs"),
        (ended("undecided", [finalist(3)], failure="gone"), "undecided, so the default stays: gone"),
        (ended("only_feasible", [finalist(3)], winner=3), "trial 3 is the best configuration that runs"),
        (
            ended("only_feasible", [finalist(3, 0.9, (0.8, 0.95), 8)], winner=3),
            "trial 3 is the best that meets the constraints, which the default does not; "
            "its decoding speed (decode_tokens_per_second) is 0.90 times",
        ),
        (ended("no_feasible", [finalist(3)], winner=None), "no configuration finished the tournament"),
    ],
)
def test_each_verdict_has_words_of_its_own(document, said):
    assert sentence(document).startswith(said)


def test_one_trial_is_not_plural():
    assert (counted(1), counted(2, "finished "), counted(0)) == ("1 trial", "2 finished trials", "0 trials")
