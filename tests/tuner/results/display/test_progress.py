from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.tuner.synthetic import TRIALS, study_info
from tuner.core.events import Standing
from tuner.core.trial import MetricValue
from tuner.results.display.progress import StudyProgress


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def started(finished: int = 0, **changes: Any) -> tuple[StudyProgress, Clock]:
    clock = Clock()
    state = StudyProgress(clock)
    state.start(study_info(Path("s"), TRIALS[:finished], **changes))
    return state, clock


def test_time_left_follows_the_pace_of_this_run() -> None:
    state, clock = started(budget_trials=8, budget_minutes=60.0)
    assert state.left_s is None
    for trial in TRIALS[:2]:
        clock.now += 10
        state.finish_trial(trial)
    assert state.left_s == 6 * 10
    assert state.share_done == 2 / 8


def test_trials_of_earlier_runs_count_as_done_but_not_for_the_pace() -> None:
    state, clock = started(finished=4, budget_trials=8, budget_minutes=60.0)
    assert state.share_done == 0.5
    clock.now += 10
    state.finish_trial(TRIALS[4])
    assert state.left_s == 3 * 10


def test_the_budget_of_time_binds_when_it_is_shorter() -> None:
    state, clock = started(budget_trials=1000, budget_minutes=1.0)
    clock.now += 45
    state.finish_trial(TRIALS[0])
    assert state.share_done == 0.75
    assert state.left_s == 15
    clock.now += 100
    assert state.share_done == 1.0
    assert state.left_s == 0


def test_no_budget_is_no_forecast() -> None:
    state, clock = started(budget_trials=0, budget_minutes=0.0)
    clock.now += 5
    state.finish_trial(TRIALS[0])
    assert state.left_s is None
    assert state.share_done == 0.0
    assert state.budget_text == "1 trials · 5 s"


def test_the_search_bar_stands_still_during_the_tournament() -> None:
    state, clock = started(budget_trials=16, budget_minutes=1.0)
    clock.now += 30
    state.rank([], 1, 8)
    clock.now += 600
    state.rank([Standing(5, 1.7, (1.6, 1.8), 2)], 2, 8)
    assert state.share_done == 0.5
    assert state.in_tournament


def test_what_came_of_a_trial_in_words() -> None:
    state, _ = started()
    for trial in TRIALS:
        state.finish_trial(trial)
    words = [" ".join(state.verdict_text(trial).split()) for trial in TRIALS]
    assert words[0] == "100 ± 2.0 tok/s kld 0 nat"
    assert words[1] == "150 ± 3.0 tok/s ×1.500 kld 0.0100 nat"
    assert words[2] == "killed by signal 11; last line: <b>assert</b> & co"
    assert words[3] == "220 ± 4.4 tok/s ×2.200 kld 0.300 nat > 0.05"
    assert state.best is not None
    assert state.best.number == 5
    assert state.statuses["over_limit"] == 1


def test_what_people_run_is_called_so() -> None:
    state, _ = started(stock=TRIALS[1].params)
    for trial in TRIALS[:2]:
        state.finish_trial(trial)
    assert state.label(TRIALS[1].params) == "what people run: flash_attn=on"
    assert state.label(TRIALS[0].params) == "baseline"


def test_a_value_without_a_unit_has_its_name() -> None:
    state, _ = started(objectives=("rtf",))
    trial = replace(TRIALS[0], metrics={"rtf": MetricValue(0.0099, (0.0098, 0.01), "")})
    assert state.values_text(trial) == "rtf 0.00990 ± 0.00010"
    state.start_trial(1, {}, "search")
    state.finish_round(1, 0.0099)
    assert state.round_text() == "round 1 · rtf 0.00990"


def test_notices_are_just_told_until_something_else_is() -> None:
    state, _ = started()
    state.tell("nothing is held out")
    state.finish_trial(TRIALS[0])
    state.tell("others disturbed it")
    assert state.just_told == ["others disturbed it"]
    state.rank([], 1, 8)
    assert state.just_told == []


def test_a_round_shows_the_value_so_far() -> None:
    state, _ = started()
    state.start_trial(0, {}, "baseline")
    assert state.round_text() == "loading"
    state.preparing = "quantizing"
    state.finish_round(2, 98.7)
    assert state.preparing == ""
    assert state.round_text() == "round 2 · 98.7 tok/s"
    state.finish_round(2, None)
    assert state.round_text() == "round 2"


def test_before_the_study_starts_there_is_nothing_to_know() -> None:
    state = StudyProgress()
    assert (state.share_done, state.left_s, state.budget_text, state.best) == (0.0, None, "", None)
