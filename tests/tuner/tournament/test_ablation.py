"""What each change of a winner is worth, played by a script: which are shown to matter, and in how many blocks."""

import json
import math
import random

import pytest

from engines import fake
from search_spaces.template import load_template
from tests.tuner.fake_executor import SPEED, FakeExecutor
from tuner.core.documents import dump, load
from tuner.core.explanation import Ablation
from tuner.tournament.ablation import LOOKS, AblationState, ablation, idle, play
from tuner.tournament.rounds import Player
from tuner.tournament.set_back import set_backs

SPACE = load_template("fake").bind({"cpu_cores": 8})
WINNER = SPACE.canonical({**SPACE.baseline, "threads": 6, "mode": "b", "precision": "medium"})


def begun():
    return AblationState(SPEED, Player(7, WINNER), tuple(set_backs(SPACE, WINNER, SPACE.baseline)))


def played(script, felt=(), left_s=lambda: math.inf, state=None, **more):
    """The state at the end of an ablation in which `script` is told a configuration and its run, and what was told."""
    state = state or begun()
    executor = FakeExecutor(lambda number, run: script(state.players[number].params, run), **more)
    states, blocks = [], []
    end = play(state, executor, felt, left_s, states.append, lambda *told: blocks.append(told), executor.clock)
    return end, states, blocks, executor


def names(found):
    return [name for one in found for name in one.changed]


def noisy(speed, spread, seed=0):
    return lambda params, run: speed(params) * random.Random(f"{seed}{params}{run}").lognormvariate(0.0, spread)


def test_what_is_clear_at_the_first_look_plays_no_further_block():
    end, _, blocks, executor = played(lambda params, run: fake.speed(params))
    assert idle(end, ()) == []
    assert blocks == [(n, LOOKS[-1]) for n in range(1, LOOKS[0] + 1)]
    assert len(executor.runs) == LOOKS[0] * 4
    assert not any(plan.cold_load for _, plan in executor.runs)


def test_the_worth_of_each_change_is_the_winner_by_what_it_is_without():
    end, *_ = played(lambda params, run: fake.speed(params))
    told = ablation(end, (), 7)
    assert [list(change.changed) for change in told.changes] == [["threads"], ["mode"], ["precision"]]
    assert [change.ratio for change in told.changes] == pytest.approx([3**0.5, 1.3, 1.2])
    assert all(change.shown for change in told.changes)
    assert all(change.ci95[0] <= change.ratio <= change.ci95[1] for change in told.changes)
    assert (told.winner, told.deployed, told.rounds) == (7, 7, 16)


def test_a_change_within_the_noise_is_idle_and_one_beyond_it_is_not():
    def speed(params):
        return 100 * (1.2 if params["mode"] == "b" else 1.0)

    end, _, blocks, _ = played(noisy(speed, 0.02, seed=1))
    assert sorted(names(idle(end, ()))) == ["precision", "threads"]
    assert len(blocks) == LOOKS[-1], "what is not clear plays on to the end"


def test_of_changes_that_bring_nothing_few_are_shown_to_matter():
    """At one in twenty by each change's own test, and looks in between cost no certainty."""
    kept = sum(3 - len(idle(played(noisy(lambda params: 100.0, 0.05, seed))[0], ())) for seed in range(200))
    assert kept / 600 < 0.05


def test_what_brings_nothing_that_could_be_shown_rests_too():
    def script(params, run):
        return 100 * (1.001 if run % 2 else 0.999) * (1.2 if params["mode"] == "b" and run % 2 == 0 else 1.0)

    end, *_ = played(script)
    rests = {names([end.set_back[number - 1]])[0] for number in end.settled}
    assert rests >= {"threads", "precision"}


def test_what_a_person_feels_without_a_change_counts():
    def script(params, run):
        return {SPEED: 100.0, "ftl_ms": 10.0 if params["mode"] == "b" else 12.0}

    assert sorted(names(idle(played(script)[0], ()))) == ["mode", "precision", "threads"]
    end, *_ = played(script, ("ftl_ms",))
    assert sorted(names(idle(end, ("ftl_ms",)))) == ["precision", "threads"]
    worse = {name: change.worse for change in ablation(end, ("ftl_ms",), 7).changes for name in change.changed}
    assert worse == {"mode": "ftl_ms ×1.20", "threads": "", "precision": ""}


def test_a_trifle_that_a_guard_would_allow_is_no_reason_to_keep_a_change():
    def script(params, run):
        return {SPEED: 100.0, "ftl_ms": 10.0 if params["mode"] == "b" else 10.3}

    end, *_ = played(script, ("ftl_ms",))
    assert len(idle(end, ("ftl_ms",))) == 3


def test_a_change_without_which_nothing_runs_matters():
    def script(params, run):
        return "killed by SIGSEGV" if params["mode"] == "a" else 100.0

    end, _, _, executor = played(script)
    broken = next(c for c in ablation(end, (), 7).changes if "mode" in c.changed)
    assert (broken.ratio, broken.failure, broken.shown) == (None, "killed by SIGSEGV", True)
    assert "mode" not in names(idle(end, ()))
    number = next(p.number for p in end.players if p.params["mode"] == "a")
    assert executor.numbers().count(number) == 2, "once more, and then no longer"


def test_where_the_winner_itself_fails_nothing_goes_back():
    end, *_ = played(lambda params, run: "gone" if params == WINNER else 100.0)
    assert (idle(end, ()), ablation(end, (), 7).changes) == ([], ())


def test_it_ends_when_the_time_is_up_but_not_before_the_first_look():
    end, _, blocks, _ = played(noisy(lambda params: 100.0, 0.05), left_s=lambda: 0.0)
    assert (end.ended, len(blocks)) == (True, LOOKS[0])


def test_it_goes_on_from_any_block_as_if_it_had_not_been_killed():
    script = noisy(lambda params: 100 * (1.1 if params["mode"] == "b" else 1.0), 0.04)
    end, states, *_ = played(script)
    for state in states:
        kept = load(AblationState, json.loads(json.dumps(dump(state))))
        done = len(kept.played.blocks)
        again = lambda params, run, done=done: script(params, run + done)  # noqa: E731
        assert played(again, state=kept)[0].settled.keys() == end.settled.keys()


def test_a_burst_in_a_round_does_not_make_a_change_look_idle():
    """A fifth more in each pair but one, in which others made the winner 20 times slower."""

    def script(params, run):
        slowed = 20 if params == WINNER and run == 2 else 1
        return 100.0 / slowed * (1.2 if params["mode"] == "b" else 1.0)

    end, *_ = played(script, disturbed=lambda run: run in (8, 9, 10, 11))
    assert "mode" not in names(idle(end, ()))


def test_the_document_is_read_as_it_was_written():
    document = ablation(played(lambda params, run: fake.speed(params))[0], (), 7)
    assert load(Ablation, json.loads(json.dumps(dump(document)))) == document
