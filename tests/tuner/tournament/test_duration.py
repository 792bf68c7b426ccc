"""How long rounds are expected to take."""

from tests.tuner.tournament.tournaments import trial
from tuner.core.trial import MetricValue
from tuner.tournament.duration import round_s, tournament_s

KNOWN = {"rounds": 2, "round_s": 1.0, "rounds_s": 3.0, "engine_s": 5.0, "quality_s": 1.5}


def test_making_a_model_file_is_not_expected_again():
    home, away = trial(0, wall_s=5.0, **KNOWN), trial(7, wall_s=40.0, **KNOWN)
    assert tournament_s(home, [away], 8, lambda params: False) == 2 * 8 * (0.5 + 0.5 + 1.0)


def test_who_did_not_run_is_not_counted_and_disturbed_rounds_come_again():
    home, away = trial(0, host_noise={"disturbed_share": 0.25}, **KNOWN), trial(7, status="crashed", **KNOWN)
    assert tournament_s(home, [away], 8, lambda params: False) == 8 * 1.25 * 2.0


def test_what_compiles_lazily_has_a_whole_first_pass():
    slow_first = {**KNOWN, "rounds_s": 12.0, "engine_s": 14.0, "host_noise": {"rounds": 3.0}}
    assert round_s(trial(0, **slow_first), compiles_lazily=True) == 10.0 + 1.0 + 0.5


def test_a_load_takes_at_least_what_it_was_measured_at():
    slow = trial(0, **KNOWN)
    slow.metrics["load_cached_s"] = MetricValue(4.0, None, "s")
    assert round_s(slow, compiles_lazily=False) == 0.5 + 1.0 + 4.0
