"""How a block is played."""

import itertools

from tests.tuner.fake_executor import FakeExecutor
from tuner.tournament.rounds import SECOND_CHANCES, Played, Player, Rules, in_turn, play_block

PLAYERS = [Player(n, {"n": n}) for n in (0, 7, 12)]
RULES = Rules("decode_tokens_per_second", replays_most=4)


def test_every_round_is_a_run_of_its_own_and_is_kept_with_its_load():
    executor = FakeExecutor(lambda number, run: 100.0 + number + run)
    played = Played()
    for _ in range(3):
        played = play_block(played, PLAYERS, RULES, executor, executor.clock)
    assert len(executor.runs) == 9
    assert [r.value(RULES.metric) for r in played.rounds(7)] == [107.0, 108.0, 109.0]
    assert all((spec.number, spec.purpose) == (-1, "tournament") for spec, _ in executor.runs)
    assert [sorted(r.loaded) for r in played.rounds(7)] == [
        ["load_s", "model_mib", "rss_peak_mib"],
        *[["load_cached_s", "model_mib", "rss_peak_mib"]] * 2,
    ], "the first from a cold file"
    assert [block.took_s for block in played.blocks] == [3.0] * 3


def test_a_cold_load_is_kept_though_its_round_is_played_again():
    executor = FakeExecutor(lambda number, run: 100.0, disturbed=lambda run: run == 0)
    played = play_block(Played(), PLAYERS[:1], RULES, executor)
    assert [plan.cold_load for _, plan in executor.runs] == [True, False]
    assert {"load_s", "load_cached_s"} <= set(played.rounds(0)[0].loaded)
    assert not played.rounds(0)[0].disturbed


def test_one_passing_failure_is_forgiven():
    executor = FakeExecutor(lambda number, run: "a passing shortage" if run == 0 else 100.0)
    played = play_block(Played(), PLAYERS[:1], RULES, executor)
    assert not played.failures
    assert played.forgiven == {0: SECOND_CHANCES}
    assert len(played.rounds(0)) == 1


def test_a_second_failure_is_for_good_however_much_later():
    executor = FakeExecutor(lambda number, run: "first" if run == 0 else "second" if run == 2 else 100.0)
    played = play_block(play_block(Played(), PLAYERS[:1], RULES, executor), PLAYERS[:1], RULES, executor)
    assert played.failures == {0: "second"}
    assert len(played.rounds(0)) == 1
    assert not played.blocks[1].rounds


def test_a_busy_machine_does_not_use_up_all_replays_on_whoever_plays_first():
    executor = FakeExecutor(lambda number, run: 100.0, disturbed=lambda run: True)
    played = play_block(Played(), PLAYERS, RULES, executor)
    assert executor.numbers() == [0, 0, 7, 7, 12, 12]
    assert played.replays == 3
    assert play_block(played, PLAYERS, RULES, executor).replays == 4, "as many as the rules allow, and no more"


def test_nobody_always_plays_after_the_same_one():
    order = [player.number for block in range(12) for player in in_turn(PLAYERS, block)]
    assert sorted(order) == sorted([0, 7, 12] * 12)
    follows = [(a, b) for n in range(12) for a, b in itertools.pairwise(order[3 * n : 3 * n + 3])]
    assert len({pair: follows.count(pair) for pair in follows}) == 6
    assert {follows.count(pair) for pair in follows} == {4}
    assert in_turn([], 3) == []
