"""How a tournament goes: who plays, when it ends, and what it comes to."""

import math
import statistics

import pytest

from tests.tuner.fake_executor import SPEED
from tests.tuner.tournament.tournaments import hold
from tuner.core.documents import dump, load
from tuner.core.objective import Constraint
from tuner.tournament.pairs import Pairs
from tuner.tournament.state import TournamentState
from tuner.tournament.verdict import sentence

FLOOR = (Constraint(SPEED, 145.0),)


def swinging(value, by):
    """Up and down from block to block."""
    return lambda block: value * math.exp(by if block % 2 else -by)


def players_of(states):
    return [sorted(block.rounds) for block in states[-1].played.blocks]


def test_the_largest_proven_gain_wins():
    result, told = hold({0: 100.0, 7: 141.0, 12: 173.0, 13: 120.0}, noise=0.02)
    assert result.winner.number == 12
    assert result.verdict == "gain"
    assert result.p_value < 0.05
    assert result.test.ci95[0] < result.test.ratio < result.test.ci95[1]
    assert result.test.ratio == pytest.approx(1.73, rel=0.05)
    assert result.document.pairs == len(told.blocks) == 8
    assert len(result.document.blocks[0]) == 4


def test_among_equals_the_one_that_changes_fewer_knobs_wins():
    params = {0: {"a": 0, "b": 0}, 7: {"a": 1, "b": 1}, 12: {"a": 1, "b": 0}}
    result, _ = hold({0: 100.0, 7: 170.0, 12: 170.0}, params=params)
    assert result.verdict == "gain"
    assert result.winner.number == 12


def test_an_equal_finalist_loses_to_the_default():
    result, told = hold({0: 100.0, 7: 100.0})
    assert result.winner.number == 0
    assert result.verdict == "keep_default"
    assert len(told.blocks) == 8, "there is no gain that further pairs could prove"


def test_where_noise_may_hide_a_gain_it_goes_on_to_the_most_pairs():
    result, told = hold({0: swinging(100.0, 0.2), 7: swinging(100.0, -0.2)})
    assert result.verdict == "undecided"
    assert "too noisy to tell; the best, trial 7, is ×1.0" in sentence(result.document)
    assert len(told.blocks) == 16


def test_noise_that_may_hide_a_small_gain_only_keeps_the_default():
    result, _ = hold({0: swinging(100.0, 0.05), 7: swinging(100.0, -0.05)})
    assert result.verdict == "keep_default"
    assert "noise may hide a gain" in sentence(result.document)


def test_quick_pairs_of_one_moment_end_nothing():
    """The same finalist that eight pairs prove: they must span some seconds before that counts."""
    result, told = hold({0: 100.0, 7: 170.0}, noise=0.01, pairs=Pairs(8, 32, span_s=30.0))
    assert result.verdict == "gain"
    assert len(told.blocks) == 16, "two seconds a block: the first analysis after 30 s"


@pytest.mark.parametrize("blocks", [5, 8, 10])
@pytest.mark.parametrize("failed_in", [0, 3, 7])
def test_a_finalist_that_fails_does_not_come_back_out_of_step(blocks, failed_in):
    """Pairs are by block: its next round would stand beside one of an earlier block."""
    result, told = hold(
        {0: 100.0, 7: lambda run: 200.0 if run < failed_in else "gone", 12: 100.0}, pairs=Pairs(blocks, blocks)
    )
    failed_in = min(failed_in, blocks)
    finalist = result.document.finalists[0]
    assert (finalist.failure == "gone") == (failed_in < blocks)
    assert finalist.pairs == (failed_in if failed_in > 1 else 0)
    assert result.verdict == ("gain" if failed_in == blocks else "keep_default")
    assert players_of(told.states) == [[0, 7, 12]] * failed_in + [[0, 12]] * (blocks - failed_in)


def test_a_default_that_fails_later_leaves_it_undecided():
    result, told = hold({0: lambda run: "signal SIGSEGV", 7: 141.0})
    assert result.verdict == "undecided"
    assert result.winner.number == 0
    assert result.document.baseline.failure == "signal SIGSEGV"
    assert len(told.blocks) == 1


def test_a_finalist_that_breaks_a_constraint_holds_nobody_up():
    result, told = hold({0: 141.0, 7: 113.0}, constraints=FLOOR, noise=0.005)
    assert result.verdict == "no_feasible"
    assert result.winner is None
    assert "< 145" in result.document.finalists[0].breaks
    assert len(told.blocks) == 8


def test_a_finalist_that_is_slower_ends_it_early():
    result, told = hold({0: 100.0, 7: 80.0}, noise=0.01)
    assert result.winner.number == 0
    assert len(told.blocks) == 8


def test_a_finalist_that_crashes_is_out_with_its_reason():
    result, _ = hold({0: 100.0, 7: lambda run: "killed by SIGSEGV", 12: 141.0}, noise=0.01)
    assert result.winner.number == 12
    crashed = result.document.finalists[0]
    assert "SIGSEGV" in crashed.failure
    assert not crashed.significant


def test_a_round_that_does_not_tell_the_objective_is_a_failure():
    result, _ = hold({0: 100.0, 7: lambda run: {"ftl_ms": 3.0}})
    assert result.document.finalists[0].failure == f"the round tells no {SPEED}"


def test_without_a_running_default_the_best_finalist_wins_unproven():
    result, told = hold({0: 100.0, 7: 141.0, 12: 173.0}, ran=False)
    assert result.winner.number == 12
    assert result.verdict == "only_feasible"
    assert result.baseline is None
    assert result.test is None
    assert 0 not in told.executor.numbers()
    assert result.document.baseline.failure == "it crashed in the search"


def test_a_default_that_breaks_a_constraint_cannot_be_kept():
    result, _ = hold({0: 141.0, 7: 113.0, 12: 173.0}, constraints=FLOOR, noise=0.001)
    assert result.winner.number == 12
    assert result.verdict == "gain"


def test_the_interim_analyses_are_all_counted():
    """8 to 10 pairs are looked at twice, at 8 and at 10, so each p-value is doubled."""
    result, told = hold({0: 100.0, 7: 122.0}, noise=0.4, pairs=Pairs(8, 10))
    finalist = result.document.finalists[0]
    assert len(told.blocks) == 10
    assert finalist.p_adjusted == pytest.approx(min(1.0, 2 * finalist.p_value))


@pytest.mark.parametrize(("others_tried", "verdict"), [(True, "keep_default"), (False, "undecided")])
def test_without_finalists_the_default_is_kept_where_others_were_tried(others_tried, verdict):
    result, told = hold(others_tried=others_tried)
    assert (result.winner.number, result.verdict) == (0, verdict)
    assert not told.executor.runs


def test_the_first_load_is_from_a_cold_file():
    result, told = hold({0: 100.0, 7: 170.0}, noise=0.01)
    cold = [plan.cold_load for spec, plan in told.executor.runs if spec.repeat_of == 7]
    assert cold == [True] + [False] * 7
    assert {"load_s", "load_cached_s"} <= set(result.metrics[7])


@pytest.mark.parametrize(("objective", "cold"), [("load_s", {True}), ("load_cached_s", {False})])
def test_an_objective_that_only_a_load_shows_is_measured_with_a_load_per_block(objective, cold):
    result, told = hold({0: 2.0, 7: 1.0}, noise=0.01, objective=objective)
    assert {plan.cold_load for _, plan in told.executor.runs} == cold
    assert result.verdict == "gain"
    assert result.test.ratio == pytest.approx(2.0, rel=0.02)
    assert all(len({row[column] for row in result.document.blocks}) > 1 for column in (0, 1))


def test_memory_that_only_wobbles_is_no_gain():
    result, _ = hold({0: 100.5, 7: 100.0}, noise=0.0001, objective="rss_peak_mib")
    assert result.document.finalists[0].p_value < 0.001
    assert result.verdict == "keep_default"


def test_a_round_that_others_disturb_is_played_again():
    result, told = hold({0: 100.0, 7: 170.0}, noise=0.01, disturbed=lambda run: run % 5 == 4)
    assert len(told.blocks) == 8
    assert all(all(block) for block in result.document.quiet)
    assert result.document.repeated_rounds == 3
    assert len(told.executor.runs) == 16 + 3


def test_on_a_machine_that_is_never_quiet_all_pairs_count():
    result, told = hold({0: 100.0, 7: 170.0}, noise=0.01, disturbed=lambda run: True)
    assert len(told.blocks) == 16, "the least number of quiet pairs never came"
    assert result.document.repeated_rounds == 8
    assert result.verdict == "gain"
    assert result.test.pairs == 16
    assert result.document.noise["disturbed_share"] == 1.0


def test_analyses_that_were_not_taken_cost_nothing():
    """The time is up after the least pairs: the whole level is left, and what five analyses would hide is proven."""
    result, told = hold({0: 100.0, 7: 173.0, 12: 141.0}, noise=0.15, pairs=Pairs(8, 32), left_s=lambda: 0.0)
    assert len(told.blocks) == 8
    assert told.states[-1].ended == "time"
    surest = min(result.document.finalists, key=lambda f: f.p_value)
    assert surest.p_adjusted == pytest.approx(2 * surest.p_value), "for two finalists, and for no analysis"


def dropping():
    """The default is beaten and trial 13 is surely slower: which of the others is best is all that is left."""
    values = {0: 100.0, 7: swinging(300.0, 0.15), 12: swinging(300.0, -0.15), 13: 200.0}
    return hold(values, pairs=Pairs(8, 24))


def test_who_has_no_part_in_what_is_left_is_dropped():
    result, told = dropping()
    assert result.verdict == "gain"
    assert result.winner.number in (7, 12)
    assert [standings[0].settled for standings, *_ in told.blocks] == [False] * 8 + [True] * 16
    assert players_of(told.states) == [[0, 7, 12, 13]] * 8 + [[7, 12]] * 16
    assert told.states[-1].dropped == {0: 8, 13: 8}
    assert result.document.pairs == result.test.pairs == 8
    assert result.document.blocks[7][3] == 200.0
    assert result.document.blocks[8] == (None, *result.document.blocks[8][1:3], None)
    assert all(f.significant and not f.failure for f in result.document.finalists)
    assert result.p_value == pytest.approx(3 * 4 * result.test.p_value, rel=0.5), "of the analysis that proved it"
    assert len(result.metrics[7][SPEED].ci95) == 2
    beside = statistics.geometric_mean(row[1] for row in result.document.blocks[:8])
    assert result.metrics[7][SPEED].value == pytest.approx(beside), "measured beside the default"
    place = [0, 7, 12, 13].index(result.winner.number)
    every = statistics.geometric_mean(row[place] for row in result.document.blocks)
    assert result.constrained[SPEED] == pytest.approx(every), "a limit is judged by all rounds"


def test_a_slower_finalist_that_is_not_proven_plays_on():
    """The one before it may still fail, or break a constraint."""
    values = {0: swinging(100.0, 0.2), 7: swinging(300.0, 0.2), 12: 105.0, 13: swinging(300.0, -0.2)}
    result, told = hold(values, pairs=Pairs(8, 24))
    assert [f.significant for f in result.document.finalists] == [True, False, True]
    assert players_of(told.states) == [[0, 7, 12, 13]] * 24


def test_a_default_that_is_not_beaten_plays_on():
    result, told = hold({0: swinging(100.0, 0.2), 7: swinging(100.0, -0.2), 12: swinging(100.0, -0.2)})
    assert result.verdict == "undecided", "a gain of a quarter is not ruled out"
    assert players_of(told.states) == [[0, 7, 12]] * 16


SCENES = {
    "gain": lambda: {"values": {0: 100.0, 7: 141.0, 12: 173.0}, "noise": 0.03},
    "dropping": lambda: {
        "values": {0: 100.0, 7: swinging(300.0, 0.15), 12: swinging(300.0, -0.15), 13: 200.0},
        "pairs": Pairs(8, 24),
    },
    "noise to the end": lambda: {"values": {0: swinging(100.0, 0.2), 7: swinging(100.0, -0.2)}},
    "a failure": lambda: {"values": {0: 100.0, 7: lambda run: 150.0 if run < 4 else "gone", 12: 120.0}},
    "a passing one": lambda: {"values": {0: 100.0, 7: lambda run: "busy" if run == 3 else 150.0}},
    "disturbed": lambda: {"values": {0: 100.0, 7: 130.0}, "noise": 0.05, "disturbed": lambda run: run % 3 == 0},
    "no default": lambda: {"values": {0: 100.0, 7: 141.0, 12: 150.0}, "noise": 0.02, "ran": False},
    "a lost default": lambda: {"values": {0: lambda run: 100.0 if run < 9 else "gone", 7: swinging(101.0, 0.3)}},
    "a limit": lambda: {"values": {0: 141.0, 7: 160.0, 12: 150.0}, "noise": 0.04, "constraints": FLOOR},
    "spanned": lambda: {"values": {0: 100.0, 7: 150.0}, "noise": 0.05, "pairs": Pairs(8, 32, span_s=25.0)},
    "the time is up": lambda: {"values": {0: 100.0, 7: 110.0}, "noise": 0.2, "left_s": lambda: 0.0},
}


@pytest.mark.parametrize("scene", SCENES)
def test_one_that_is_killed_after_any_block_goes_on_as_if_it_were_not(scene):
    """The state is written, read and gone on with after each block; the rounds are the same in both."""
    whole, told = hold(**SCENES[scene]())
    assert len(told.states) == len(told.blocks) + 1
    for kept in told.states:
        written = dump(kept)
        state = load(TournamentState, written)
        assert state == kept
        arguments = SCENES[scene]()
        executor = at_the_same_point(told.executor, state)
        resumed, again = hold(**arguments, state=state, executor=executor)
        assert resumed.document == whole.document
        assert dump(resumed.document) == dump(whole.document)
        assert (resumed.winner, resumed.test, resumed.p_value) == (whole.winner, whole.test, whole.p_value)
        assert resumed.metrics == whole.metrics
        assert again.states[-1] == told.states[-1]


def at_the_same_point(whole, state):
    """The executor of a whole tournament, as it was when that had `state`."""
    runs = sum(len(block.rounds) for block in state.played.blocks)
    runs += state.played.replays + sum(state.played.forgiven.values())
    runs += sum(number in state.played.forgiven for number in state.played.failures)
    executor = type(whole)(whole.script, whole.metric, whole.disturbed, whole.run_s)
    executor.runs, executor.now = whole.runs[:runs], whole.run_s * runs
    return executor
