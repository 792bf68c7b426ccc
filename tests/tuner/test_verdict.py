"""What a study's end says."""

from tuner.objective import Objective
from tuner.trial import MetricValue, TrialResult, TrialStatus
from tuner.verdict import counted, interrupted, nothing_feasible

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
    assert interrupted([failed(0, "no")], SPEED) == (
        "interrupted: 1 finished trial kept; the same command goes on (a tournament begins anew)"
    )
    metrics = {SPEED.metric: MetricValue(12.345, None, "tok/s")}
    text = interrupted([TrialResult(0, {}, TrialStatus.OK, metrics=metrics), failed(1, "no")], SPEED)
    assert text.endswith("best so far, not proven: trial 0 with decode_tokens_per_second 12.35")


def test_one_trial_is_not_plural():
    assert (counted(1), counted(2, "finished "), counted(0)) == ("1 trial", "2 finished trials", "0 trials")
