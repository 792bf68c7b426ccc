"""Tournaments of the fake engine on a simulated machine, and what they decide from known values."""

import itertools
import json
import math
import random
import statistics
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tuner.fake_study import fake_config
from tuner.core.objective import Constraint, Objective
from tuner.core.stats import RatioTest, geometric_mean
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.measure import measurement
from tuner.measure.candidate import Block, BlockRound, Candidate, compared, play_block
from tuner.measure.host.host_noise import HostNoise
from tuner.measure.preparation import prepare
from tuner.measure.worker_process import WorkerFailedError
from tuner.tournament.decision import EQUAL, RISKED, Decision, Pairs, _expected_loss
from tuner.tournament.tournament import Tournament

pytestmark = pytest.mark.usefixtures("_simulated_unless_real")
SPEED = Objective("decode_tokens_per_second")


def hold(
    tmp_path,
    finalists,
    noise=0.0,
    script=(),
    objective=SPEED,
    feasible=True,
    ran=True,
    pairs=8,
    most=16,
    constraints=None,
    run=None,
    **more,
):
    """A tournament of `finalists` (changes to the default) against the default.

    `feasible` and `ran` say what the search found out about the default, `run` what `Tournament.run` is told.
    """
    constraints = {} if feasible else {"decode_tokens_per_second": 145.0} | (constraints or {})
    config = fake_config(tmp_path, model={"noise": noise, "script": list(script)}, constraints=constraints)
    prepared = prepare(config, lambda text: None)
    default = dict(prepared.space.baseline)
    metrics = {SPEED.metric: MetricValue(100.0, None, "tok/s")}
    home = TrialResult(0, default, TrialStatus.OK if ran else TrialStatus.CRASHED, metrics=metrics if ran else {})
    away = [
        TrialResult(n, {**default, **changes}, TrialStatus.OK, metrics=metrics)
        for n, changes in enumerate(finalists, 1)
    ]
    blocks = []
    pairs = pairs if isinstance(pairs, Pairs) else Pairs(pairs, most)
    tournament = Tournament(prepared.runner(), objective, pairs, lambda *block: blocks.append(block), **more)
    return tournament.run(home, away, **(run or {})), blocks


def scripted(monkeypatch, speed):
    """Let whoever plays have the `speed(number, block)` of its trial and of the block."""

    def play(self):
        return BlockRound({SPEED.metric: speed(self.trial.number, len(self.plays))}, {}, HostNoise())

    monkeypatch.setattr(Candidate, "play", play)


def test_the_largest_proven_gain_wins(tmp_path):
    result, blocks = hold(tmp_path, [{"threads": 4}, {"threads": 6}, {"threads": 3}], noise=0.02)
    assert result.winner.params["threads"] == 6
    assert result.verdict == "gain"
    assert result.p_value < 0.05
    assert result.test.ci95[0] < result.test.ratio < result.test.ci95[1]
    assert result.test.ratio == pytest.approx(3**0.5, rel=0.05), "five standard errors of eight pairs"
    assert result.document["pairs"] == len(blocks) == 8
    assert len(result.document["blocks"][0]) == 4


def test_among_equals_the_one_that_changes_fewer_knobs_wins(tmp_path):
    """`level` is felt only with turbo on, and both finalists have it off."""
    result, _ = hold(tmp_path, [{"threads": 6, "level": 3}, {"threads": 6}])
    assert result.verdict == "gain"
    assert result.winner.number == 2


def test_an_equal_finalist_loses_to_the_default(tmp_path):
    result, blocks = hold(tmp_path, [{"level": 0}], noise=0.0)
    assert result.winner.number == 0
    assert result.verdict == "keep_default"
    assert len(blocks) == 8, "there is no gain that further pairs could prove"


def test_where_noise_may_hide_a_gain_it_goes_on_to_the_most_pairs(tmp_path, monkeypatch):
    """Each pair differs by 40 %, one time in the finalist's favour and the next time against it."""
    scripted(monkeypatch, lambda number, block: 100.0 * math.exp(0.2 if (number + block) % 2 else -0.2))
    result, blocks = hold(tmp_path, [{"level": 0}])
    assert result.verdict == "keep_default"
    assert len(blocks) == 16


def test_quick_pairs_of_one_moment_end_nothing(tmp_path):
    """The same finalist that eight pairs prove: they must span some seconds before that counts."""
    seconds = itertools.count(0, 2)
    pairs = Pairs(8, 32, span_s=30.0)
    result, blocks = hold(tmp_path, [{"threads": 6}], pairs=pairs, clock=lambda: next(seconds))
    assert result.verdict == "gain"
    assert len(blocks) == 16, "two seconds a block: the first look after 30 s"


def test_an_interrupted_tournament_goes_on_with_the_blocks_it_had(tmp_path):
    kept = []
    whole, _ = hold(tmp_path, [{"threads": 6}, {"threads": 4}], noise=0.01, keep=kept.append)
    assert [sorted(block.plays) for block in kept] == [[0, 1, 2]] * 8
    again = []
    written = [Block.from_json(json.loads(json.dumps(block.to_json()))) for block in kept[:5]]
    assert written == kept[:5]
    resumed, blocks = hold(tmp_path, [{"threads": 6}, {"threads": 4}], noise=0.01, keep=again.append, played=written)
    assert len(again) == len(blocks) == 3
    assert resumed.document["blocks"][:5] == whole.document["blocks"][:5]
    assert resumed.document["pairs"] == 8
    assert resumed.verdict == "gain"


@pytest.mark.parametrize("blocks", [5, 8, 10])
@pytest.mark.parametrize("failed_in", [0, 3, 7])
def test_a_finalist_that_had_failed_does_not_come_back_out_of_step(tmp_path, blocks, failed_in):
    """Pairs are by block: its next round would stand beside one of an earlier block."""
    kept, again = [], []
    hold(tmp_path, [{"threads": 6}, {"level": 0}], keep=kept.append, pairs=Pairs(12, 12))

    def without(number, block):
        return replace(block, plays={n: play for n, play in block.plays.items() if n != number})

    written = [without(1, b) if n >= failed_in else b for n, b in enumerate(kept[:blocks])]
    resumed, _ = hold(tmp_path, [{"threads": 6}, {"level": 0}], keep=again.append, played=written)
    assert "before the tournament was interrupted" in resumed.document["finalists"][0]["failure"] or failed_in >= blocks
    assert failed_in >= blocks or resumed.document["finalists"][0]["pairs"] == failed_in
    assert resumed.verdict == ("gain" if failed_in >= blocks else "keep_default")
    assert all(0 in block.plays and 2 in block.plays for block in again), "nobody rests behind one that is out"


def test_a_default_that_fails_later_ends_it_undecided(tmp_path):
    script = [{"when": {"threads": [2]}, "do": "segfault"}]
    result, blocks = hold(tmp_path, [{"threads": 4}], script=script)
    assert result.verdict == "undecided"
    assert len(blocks) <= 1


def test_a_finalist_that_breaks_a_constraint_holds_nobody_up(tmp_path):
    """It is as fast as the winner and allowed no speed here: the other one's gain is all that is to be decided."""
    result, blocks = hold(tmp_path, [{"mode": "c"}], feasible=False, noise=0.005)
    assert result.verdict == "no_feasible"
    assert len(blocks) == 8


def test_a_finalist_that_is_slower_ends_it_early(tmp_path):
    result, blocks = hold(tmp_path, [{"mode": "c"}], noise=0.01)
    assert result.winner.number == 0
    assert len(blocks) == 8


def test_a_finalist_that_crashes_is_out_with_its_reason(tmp_path):
    script = [{"when": {"threads": [6]}, "do": "segfault"}]
    result, _ = hold(tmp_path, [{"threads": 6}, {"threads": 4}], script=script)
    assert result.winner.params["threads"] == 4
    crashed = result.document["finalists"][0]
    assert "SIGSEGV" in crashed["failure"]
    assert not crashed["significant"]


def test_without_a_running_default_the_best_finalist_wins_unproven(tmp_path):
    script = [{"when": {"threads": [2]}, "do": "segfault"}]
    result, _ = hold(tmp_path, [{"threads": 4}, {"threads": 6}], script=script, ran=False)
    assert result.winner.params["threads"] == 6
    assert result.verdict == "only_feasible"
    assert result.baseline is None
    assert result.test is None


def test_a_default_that_ran_in_the_search_and_fails_now_leaves_it_undecided(tmp_path):
    script = [{"when": {"threads": [2]}, "do": "segfault"}]
    result, _ = hold(tmp_path, [{"threads": 4}], script=script)
    assert result.verdict == "undecided"
    assert result.winner.number == 0
    assert "SIGSEGV" in result.document["baseline"]["failure"]


def test_one_passing_failure_is_forgiven(tmp_path):
    prepared = prepare(fake_config(tmp_path), lambda text: None)
    runner = prepared.runner()
    opened, failures = runner.opened, [WorkerFailedError(TrialStatus.OUT_OF_MEMORY, "a passing shortage")]

    def opened_at_last(*arguments):
        if failures:
            raise failures.pop()
        return opened(*arguments)

    runner.opened = opened_at_last
    candidate = Candidate(TrialResult(0, dict(prepared.space.baseline), TrialStatus.OK), runner, SPEED.metric)
    assert candidate.play() is not None
    assert not candidate.failure


@pytest.mark.real_machine
def test_every_round_has_a_process_of_its_own(tmp_path):
    prepared = prepare(fake_config(tmp_path), lambda text: None)
    runner = prepared.runner()
    opened, pids = runner.opened, []

    def watched(*arguments):
        loaded = opened(*arguments)
        pids.append((loaded.worker.pid, loaded.load_metric))
        return loaded

    runner.opened = watched
    candidate = Candidate(TrialResult(0, dict(prepared.space.baseline), TrialStatus.OK), runner, SPEED.metric)
    for _ in range(3):
        candidate.play()
    assert len({pid for pid, _ in pids}) == 3
    assert [metric for _, metric in pids] == ["load_s", "load_cached_s", "load_cached_s"], "the first from a cold file"


def test_a_default_that_breaks_a_constraint_cannot_be_kept(tmp_path):
    """The default decodes 141 tokens per second; the floor is 145, which the 4-thread finalist's 200 clears."""
    result, _ = hold(tmp_path, [{"mode": "c"}, {"threads": 4, "mode": "c", "scale": 2.0}], feasible=False, noise=0.001)
    assert result.winner.params["threads"] == 4
    assert result.verdict == "gain"


def test_a_finalist_that_breaks_a_constraint_when_measured_again_cannot_win(tmp_path):
    result, _ = hold(tmp_path, [{"mode": "c"}], feasible=False)
    assert result.verdict == "no_feasible"
    assert result.winner is None


def test_the_looks_are_all_counted(tmp_path):
    """8 to 10 pairs are looked at twice, at 8 and at 10, so each p-value is doubled."""
    result, _ = hold(tmp_path, [{"threads": 3}], noise=0.4, most=10)
    assert result.document["finalists"][0]["p_adjusted"] == pytest.approx(
        min(1.0, 2 * result.document["finalists"][0]["p_value"])
    )


def test_no_finalists_keeps_the_default(tmp_path):
    result, _ = hold(tmp_path, [])
    assert result.winner.number == 0


def test_an_objective_that_only_a_load_shows_is_measured_with_a_load_per_block(tmp_path):
    for name in ("load_s", "load_cached_s"):
        result, _ = hold(tmp_path, [{"threads": 4}], objective=Objective(name))
        assert all(len({row[column] for row in result.document["blocks"]}) > 1 for column in (0, 1))
        assert name in result.metrics[0]


def test_memory_that_only_wobbles_is_no_gain(tmp_path, monkeypatch):
    """Half a percent less in every pair is surely less, and no more than what one start differs from the next by."""

    def play(self):
        mib = (500.0 if self.trial.number else 502.5) + len(self.plays) % 3
        return BlockRound({SPEED.metric: 100.0}, {"rss_peak_mib": mib}, HostNoise())

    monkeypatch.setattr(Candidate, "play", play)
    result, _ = hold(tmp_path, [{"threads": 4}], objective=Objective("rss_peak_mib"))
    assert result.document["finalists"][0]["ci95"][0] > 1
    assert result.verdict == "keep_default"


def test_making_a_model_file_is_not_expected_again(tmp_path):
    prepared = prepare(fake_config(tmp_path), lambda text: None)
    metrics = {SPEED.metric: MetricValue(100.0, None, "tok/s"), "load_cached_s": MetricValue(0.5, None, "s")}
    known = {"metrics": metrics, "rounds": 2, "round_s": 1.0, "engine_s": 5.0, "quality_s": 1.5}
    home = TrialResult(0, dict(prepared.space.baseline), TrialStatus.OK, wall_s=5.0, **known)
    away = TrialResult(1, {**prepared.space.baseline, "threads": 4}, TrialStatus.OK, wall_s=40.0, **known)
    expected_s = Tournament(prepared.runner(), SPEED, Pairs(8, 16, span_s=1000.0)).estimate_s(home, [away])
    assert 2 * 8 * 1.5 < expected_s < 2 * 8 * 2.5, "fewer finalists would not make the span shorter"


@given(st.floats(0.5, 2.0), st.floats(1.0, 1.5))
def test_the_expected_loss_is_that_of_chance(ratio, width):
    """Against the mean over drawn ratios; it falls with the ratio and never below nothing."""
    test = RatioTest(ratio, (ratio / width, ratio * width), 0.5, 8)
    normal = statistics.NormalDist(math.log(ratio), math.log(width) / 2 or 1e-12)
    drawn = [max(0.0, -normal.inv_cdf((n + 0.5) / 2000)) for n in range(2000)]
    assert _expected_loss(test) == pytest.approx(statistics.fmean(drawn), abs=2e-3)
    better = RatioTest(1.1 * ratio, (1.1 * ratio / width, 1.1 * ratio * width), 0.5, 8)
    assert 0 <= _expected_loss(better) <= _expected_loss(test)


@pytest.mark.parametrize(("spread", "told_apart"), [(0.01, True), (0.1, False)])
def test_finalists_that_noise_keeps_together_play_on(spread, told_apart):
    """Both are surely twice as good as the default; which of the two is better, eight pairs may not tell."""

    def player(number, speed, up):
        player = Candidate(TrialResult(number, {}, TrialStatus.OK), SimpleNamespace(constraints=()), SPEED.metric)
        for block in range(8):
            value = speed * math.exp(spread * (up if block % 2 else -up))
            player.count(BlockRound({SPEED.metric: value}, {}, HostNoise()))
        return player

    home, *away = player(0, 100, 0), player(1, 200, 1), player(2, 199, -1)
    assert Decision(SPEED, Pairs(8, 16), home, away).analyse() == told_apart


def disturbed_now_and_then(monkeypatch, every):
    """Each `every`-th round is one that others disturb."""
    count = itertools.count(1)
    noise = (HostNoise(others_cores=1.0) if n % every == 0 else HostNoise() for n in count)
    monkeypatch.setattr(measurement, "NoiseWatch", lambda pid: SimpleNamespace(stop=lambda cpu_s: next(noise)))


def test_a_round_that_others_disturb_is_played_again(tmp_path, monkeypatch):
    disturbed_now_and_then(monkeypatch, every=10)
    result, blocks = hold(tmp_path, [{"threads": 6}], noise=0.01)
    assert len(blocks) == 8
    assert all(all(block) for block in result.document["quiet"])
    assert 1 <= result.document["repeated_rounds"] <= 0.5 * 8 * 2


def test_on_a_machine_that_is_never_quiet_all_pairs_count(tmp_path, monkeypatch):
    disturbed_now_and_then(monkeypatch, every=1)
    result, blocks = hold(tmp_path, [{"threads": 6}], noise=0.01)
    assert len(blocks) == 16, "the least number of quiet pairs never came"
    assert result.document["repeated_rounds"] == 8
    assert result.verdict == "gain"
    assert result.test.pairs == 16


def test_a_burst_in_a_pair_does_not_hide_a_gain():
    """Nine quiet pairs with half as much again, and three of whose rounds one was 20 times slower."""
    rng = random.Random(4)
    home = [100 * math.exp(rng.gauss(0, 0.03)) for _ in range(12)]
    away = [150 * math.exp(rng.gauss(0, 0.03)) for _ in range(12)]
    burst = (2, 7, 9)
    for one in burst:
        away[one] /= 20

    def tested(noticed):
        players = []
        for values, busy in ((home, ()), (away, burst if noticed else ())):
            player = Candidate(TrialResult(0, {}, TrialStatus.OK), SimpleNamespace(constraints=()), SPEED.metric)
            for block, value in enumerate(values):
                player.count(
                    BlockRound({SPEED.metric: value}, {}, HostNoise(others_cores=1.0 if block in busy else 0.0))
                )
            players.append(player)
        return compared(players[1], players[0], SPEED, 8)

    assert tested(noticed=False).ci95[0] < 1, "a burst that nobody noticed"
    seen = tested(noticed=True)
    assert seen.pairs == 9
    assert seen.ratio == pytest.approx(1.5, rel=0.05)
    assert seen.p_value < 0.001


def test_without_a_default_to_keep_a_burst_does_not_choose_the_slower_one():
    """One finalist is 5 % faster than the other, and a burst made one of its rounds 20 times slower."""
    runner = SimpleNamespace(constraints=(Constraint(SPEED.metric, 120.0),))

    def player(number, speed, busy=()):
        one = Candidate(TrialResult(number, {}, TrialStatus.OK, metrics={SPEED.metric: None}), runner, SPEED.metric)
        for block in range(8):
            loud = block in busy
            one.count(BlockRound({SPEED.metric: speed / (20 if loud else 1)}, {}, HostNoise(others_cores=1.0 * loud)))
        return one

    home, fast, slow = player(0, 100), player(1, 210, busy=(3,)), player(2, 200)
    assert Decision(SPEED, Pairs(9, 16), home, [slow, fast]).verdict(True) == ("only_feasible", fast), (
        "eight prove nothing"
    )


def played(number, values, busy=(), runner=None, **params):
    """A contestant that has played `values`, those of the blocks `busy` disturbed by others."""
    trial = TrialResult(number, params, TrialStatus.OK, metrics={SPEED.metric: None})
    one = Candidate(trial, runner or SimpleNamespace(constraints=()), SPEED.metric)
    for block, value in enumerate(values):
        one.count(BlockRound({SPEED.metric: value}, {}, HostNoise(others_cores=1.0 * (block in busy))))
    return one


def test_the_winner_is_the_faster_one_whoever_was_disturbed_more():
    """One's bursts would be left out and the other's would count, if each were judged by rounds of its own."""
    rng, low, high = random.Random(2), range(16), range(15, 32)

    def values(speed, busy):
        return [speed * math.exp(rng.gauss(0, 0.02)) * (0.7 if n in busy else 1.0) for n in range(32)]

    home, slow, fast = played(0, values(100, ())), played(1, values(150, low), low), played(2, values(165, high), high)
    decision = Decision(SPEED, Pairs(8, 32), home, [slow, fast])
    assert decision.proven() == [True, True]
    assert decision.verdict(True) == ("gain", fast)


@pytest.mark.parametrize(("plainer", "chosen"), [(1.498, 1), (1.475, 1), (1.46, 2)])
def test_what_is_deployed_is_what_little_is_risked_by(plainer, chosen):
    """The plainer of two wins only where side by side it is hardly worse."""
    rng = random.Random(3)
    drift = [math.exp(rng.gauss(0, 0.1)) for _ in range(12)]
    home, plain, lead = (
        played(n, [100 * times * d * math.exp(rng.gauss(0, 0.001)) for d in drift], **params)
        for n, times, params in ((0, 1.0, {}), (1, plainer, {"a": 1}), (2, 1.5, {"a": 1, "b": 1}))
    )
    home.trial.params.update(a=0, b=0)
    plain.trial.params.update(b=0)
    decision = Decision(SPEED, Pairs(8, 32), home, [plain, lead])
    assert decision.analyse()
    assert decision.verdict(True)[1].trial.number == chosen


def test_between_equals_that_noise_keeps_apart_the_plainer_one_wins():
    """Eight noisy pairs cannot tell that it is hardly worse; that it is worse they do not tell either."""
    rng = random.Random(8)
    home, plain, lead = (
        played(n, [100 * times * math.exp(rng.gauss(0, 0.08)) for _ in range(8)], **params)
        for n, times, params in ((0, 1.0, {"a": 0, "b": 0}), (1, 3.0, {"a": 1, "b": 0}), (2, 3.0, {"a": 1, "b": 1}))
    )
    factor = geometric_mean(plain.values) / geometric_mean(lead.values) / 0.995
    lead = played(2, [factor * value for value in lead.values], a=1, b=1)
    assert Decision(SPEED, Pairs(8, 32), home, [lead, plain]).verdict(True) == ("gain", plain)


def test_looks_that_were_not_taken_cost_nothing(tmp_path):
    """The time is up after the least pairs: the whole level is left, and what five looks would hide is proven."""
    finalists, ended = [{"threads": 6}, {"threads": 4}], {"left_s": lambda: 0.0}
    result, blocks = hold(tmp_path, finalists, noise=0.15, most=32, run=ended)
    assert len(blocks) == 8
    surest = min(result.document["finalists"], key=lambda f: f["p_value"])
    assert surest["p_adjusted"] == pytest.approx(2 * surest["p_value"]), "for two finalists, and for no look"


@pytest.mark.parametrize(("analyses_done", "at_a_look", "times"), [(0, False, 1.0), (2, False, 5 / 3), (2, True, 5.0)])
def test_a_look_spends_a_share_of_the_level_and_the_end_what_is_left(analyses_done, at_a_look, times):
    rng = random.Random(1)
    home, away = (played(n, [100 * math.exp(rng.gauss(0.02 * n, 0.05)) for _ in range(16)]) for n in range(2))
    decision = Decision(SPEED, Pairs(8, 32), home, [away], analyses_done=analyses_done)
    decision.proven_early = at_a_look
    assert decision.adjusted()[0] == pytest.approx(times * decision.tests()[0].p_value)


def test_the_published_interval_is_as_wide_as_the_decision_asks_for():
    rng = random.Random(5)
    some = [played(n, [100 * math.exp(rng.gauss(0.02 * n, 0.07)) for _ in range(8)]) for n in range(4)]
    for at_a_look in (False, True):
        decision = Decision(SPEED, Pairs(8, 32), some[0], some[1:])
        decision.proven_early = at_a_look
        plain, adjusted, published = decision.tests(), decision.adjusted(), decision.published()
        first = min(range(3), key=lambda n: plain[n].p_value)
        assert (published[first].ci95[0] > 1 or published[first].ci95[1] < 1) == (adjusted[first] < 0.05)
        assert [p.ci95 for p in published] == [t.interval(1 - 0.05 / (15 if at_a_look else 3)) for t in plain]
        assert all(p.ci95[0] <= t.ci95[0] < t.ci95[1] <= p.ci95[1] for p, t in zip(published, plain, strict=True))


def test_a_busy_machine_does_not_use_up_all_replays_on_whoever_plays_first():
    plays = []
    players = [played(n, []) for n in range(3)]
    for one in players:
        one.play = lambda one=one: plays.append(one.trial.number) or BlockRound({}, {}, HostNoise(others_cores=1.0))
    left = iter(range(4))
    play_block(players, 0, lambda: next(left, None) is not None)
    assert plays == [0, 0, 1, 1, 2, 2]


def test_nobody_always_plays_after_the_same_one():
    players, order = [played(n, []) for n in range(3)], []
    for one in players:
        one.play = lambda one=one: order.append(one.trial.number)
    for block in range(12):
        play_block(players, block)
    assert sorted(order) == sorted([0, 1, 2] * 12)
    follows = [(a, b) for n in range(12) for a, b in itertools.pairwise(order[3 * n : 3 * n + 3])]
    assert len({pair: follows.count(pair) for pair in follows}) == 6
    assert {follows.count(pair) for pair in follows} == {4}


def test_what_settles_late_is_measured_once_it_has(tmp_path):
    """Its first pass is ten times slower: after one item of it the rest of it would be measured."""
    script = [{"when": {"turbo": [True]}, "do": "late"}]
    result, _ = hold(tmp_path, [{"turbo": True, "level": 4}], script=script)
    assert result.verdict == "gain"
    assert result.test.ratio == pytest.approx(1.03, rel=0.01)


def test_who_has_no_part_in_what_is_left_rests(tmp_path, monkeypatch):
    """The default is beaten and one finalist is surely slower: which of the others is best is all that is left."""

    def play(self):
        up = 0.15 if len(self.plays) % 2 else -0.15
        swing = {1: up, 2: -up}.get(self.trial.number, 0.0)
        speed = {0: 100.0, 1: 300.0, 2: 300.0, 3: 200.0}[self.trial.number]
        return BlockRound({SPEED.metric: speed * math.exp(swing)}, {}, HostNoise())

    monkeypatch.setattr(Candidate, "play", play)
    finalists, kept = [{"threads": n} for n in (6, 5, 4)], []
    result, blocks = hold(tmp_path, finalists, most=24, keep=kept.append)
    assert result.verdict == "gain"
    assert result.winner.number in (1, 2)
    assert [standings[0].settled for standings, *_ in blocks] == [False] * 8 + [True] * 16
    assert [sorted(block.plays) for block in kept] == [[0, 1, 2, 3]] * 8 + [[1, 2]] * 16
    assert result.document["pairs"] == result.test.pairs == 8
    assert result.document["blocks"][7][3] == 200.0
    assert result.document["blocks"][8] == [None, *result.document["blocks"][8][1:3], None]
    assert all(f["significant"] and not f["failure"] for f in result.document["finalists"])
    assert result.p_value == pytest.approx(3 * 4 * result.test.p_value, rel=0.5), "of the look at which it was proven"
    # One that was interrupted goes on without those who rest.
    again = []
    resumed, _ = hold(tmp_path, finalists, most=24, keep=again.append, played=kept[:10])
    assert [sorted(block.plays) for block in again] == [[1, 2]] * 14
    assert resumed.document["finalists"] == result.document["finalists"]
    assert len(result.metrics[1][SPEED.metric].ci95) == 2
    beside = statistics.geometric_mean(row[1] for row in result.document["blocks"][:8])
    assert result.metrics[1][SPEED.metric].value == pytest.approx(beside), "measured beside the default"
    place = result.winner.number
    every = statistics.geometric_mean(row[place] for row in result.document["blocks"])
    assert result.constrained[SPEED.metric] == pytest.approx(every), "a limit is judged by all rounds"


def test_who_rests_never_comes_back():
    """It rested behind one that is overtaken: beside the new leader's first rounds it would not look surely worse."""

    def swinging(number, speed, swing, blocks):
        return played(number, [speed * math.exp(swing if n % 2 else -swing) for n in range(blocks)], a=number)

    home = played(0, [100.0] * 8, a=0)
    away = [swinging(1, 300, 0.01, 8), swinging(2, 296, 0.6, 8), swinging(3, 200, 0.01, 8)]
    decision = Decision(SPEED, Pairs(8, 32), home, away)
    assert not decision.analyse()
    assert [c.dropped for c in (home, *away)] == [True, False, False, True]
    for block in range(8, 12):
        away[0].count(BlockRound({SPEED.metric: 298.0}, {}, HostNoise()))
        away[1].count(BlockRound({SPEED.metric: 320.0 * math.exp(0.6 if block % 2 else -0.6)}, {}, HostNoise()))
    assert not decision.analyse()
    assert away[2].dropped
    assert home.dropped


def test_who_leads_is_told_by_all_blocks_though_others_rest():
    """Over the eight blocks of the one that rests trial 2 leads, over all twelve trial 1: that is risked, not given."""
    swing = [math.exp(0.15 if n % 2 else -0.15) for n in range(12)]
    first = [298.0 * s for s in swing[:8]] + [310.0 * s for s in swing[8:]]
    away = [played(1, first, a=1), played(2, [300.0] * 12, a=2), played(3, [200.0] * 8, a=3)]
    decision = Decision(SPEED, Pairs(8, 32), played(0, [100.0] * 12, a=0), away)
    away[2].dropped = True
    loss = _expected_loss(compared(away[0], away[1], SPEED, 8))
    assert RISKED < loss < 1 - EQUAL
    assert decision.chosen(away) is away[0]
    assert not decision.analyse()


def test_a_slower_finalist_that_is_not_proven_plays_on(tmp_path, monkeypatch):
    """The one before it may still fail, or break a constraint."""

    def play(self):
        up = 0.2 if len(self.plays) % 2 else -0.2
        swing = {0: up, 1: up, 3: -up}.get(self.trial.number, 0.0)
        speed = {0: 100.0, 1: 300.0, 2: 105.0, 3: 300.0}[self.trial.number]
        return BlockRound({SPEED.metric: speed * math.exp(swing)}, {}, HostNoise())

    monkeypatch.setattr(Candidate, "play", play)
    kept = []
    result, _ = hold(tmp_path, [{"threads": n} for n in (6, 5, 4)], most=24, keep=kept.append)
    assert [f["significant"] for f in result.document["finalists"]] == [True, False, True]
    assert [sorted(block.plays) for block in kept] == [[0, 1, 2, 3]] * 24


def test_a_default_that_is_not_beaten_plays_on(tmp_path, monkeypatch):
    def play(self):
        up = 0.2 if len(self.plays) % 2 else -0.2
        return BlockRound({SPEED.metric: 100 * math.exp(-up if self.trial.number else up)}, {}, HostNoise())

    monkeypatch.setattr(Candidate, "play", play)
    kept = []
    result, _ = hold(tmp_path, [{"level": 0}, {"level": 3}], keep=kept.append)
    assert result.verdict == "keep_default"
    assert [sorted(block.plays) for block in kept] == [[0, 1, 2]] * 16
