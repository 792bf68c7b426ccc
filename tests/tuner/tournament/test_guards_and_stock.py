"""Verdicts that look at more than the objective: guards of what is felt, and what people run."""

from tests.tuner.fake_executor import SPEED, FakeExecutor
from tests.tuner.tournament.tournaments import QUIET, trial
from tuner.core.guards import Guard
from tuner.core.objective import Constraint, beside, broken
from tuner.core.study_config import Budget
from tuner.core.trial import TrialResult, TrialStatus
from tuner.measure.executor import Executor
from tuner.tournament.pairs import Pairs
from tuner.tournament.state import BegunFor, begun, candidates
from tuner.tournament.tournament import Tournament
from tuner.tournament.verdict import refusals, sentence
from tuner.tournament.vetting import vet


def hold(values, guards=(), stock=None, quality=None, constraints=(), stock_may_win=True, noise=0.01):
    """The document of a tournament whose rounds measure `values`: by trial, the metrics or the speed."""

    def script(number, run):
        told = values[number] if isinstance(values[number], dict) else {SPEED: values[number]}
        return {name: value * (1 + noise * ((7 * run + number) % 5 - 2)) for name, value in told.items()}

    trials, pairs = {n: trial(n) for n in values}, Pairs(8, 8)
    home, *away = trials.values()
    state = begun(
        BegunFor(len(trials), Budget()), SPEED, pairs, home, away, quality, stock, stock_may_win=stock_may_win
    )
    result = Tournament(FakeExecutor(script), trials, tuple(constraints), guards=guards).run(state)
    return result.document


def test_what_makes_a_felt_metric_worse_does_not_win_and_that_is_said():
    values = {0: {SPEED: 100.0, "ftl_ms": 50.0}, 7: {SPEED: 200.0, "ftl_ms": 90.0}, 12: {SPEED: 130.0, "ftl_ms": 50.0}}
    document = hold(values, [Guard("ftl_ms")])
    assert document.winner == 12
    (line,) = refusals(document)
    assert line.startswith("trial 7 is ×2.0")
    assert "ftl_ms is 1.8" in line
    assert "guards.ftl_ms=1.05" in line
    felt = {f.metric: f.verdict for f in document.winning_finalist.felt}
    assert felt["ftl_ms"] == "tied"
    assert hold(values, [Guard("ftl_ms", 2.0)]).winner == 7
    assert hold(values).winner == 7


def test_the_sentence_names_what_got_worse():
    document = hold({0: {SPEED: 100.0, "ftl_ms": 50.0}, 7: {SPEED: 200.0, "ftl_ms": 75.0}}, [Guard("ftl_ms", 2.0)])
    assert sentence(document).endswith("; worse: ftl_ms ×0.67")


def test_where_every_faster_one_is_refused_the_default_is_kept():
    document = hold({0: {SPEED: 100.0, "ftl_ms": 50.0}, 7: {SPEED: 200.0, "ftl_ms": 90.0}}, [Guard("ftl_ms")])
    assert document.verdict == "keep_default"
    assert "every finalist failed or broke a limit" in sentence(document)


def test_what_people_run_is_kept_where_nothing_is_proven_against_it():
    document = hold({0: 100.0, 1: 150.0, 7: 151.0}, stock=1)
    assert (document.verdict, document.winner) == ("gain", 1)
    assert "it is what people run, and nothing was proven better than that: keep it" in sentence(document)
    assert document.stock.test is None


def test_a_winner_is_compared_with_what_people_run_too():
    document = hold({0: 100.0, 1: 150.0, 7: 200.0}, stock=1)
    assert document.winner == 7
    assert 1.25 < document.stock.test.ratio < 1.42
    assert "; against what people run (trial 1) ×1.3" in sentence(document)


def test_what_people_run_plays_for_its_ratio_alone_where_the_user_left_it_out_of_the_ranges():
    document = hold({0: 100.0, 1: 150.0, 7: 120.0}, stock=1, stock_may_win=False)
    assert (document.verdict, document.winner) == ("gain", 7)
    assert document.stock.test.ratio < 1


def test_the_ratio_to_what_people_run_holds_beside_all_others():
    """Its interval is as wide as that of the headline: the winner was chosen from among several after several looks."""
    document = hold({0: 100.0, 1: 101.0, 7: 102.0}, stock=1, noise=0.02)
    low, high = document.stock.test.ci95 if document.stock.test else (0.9, 1.1)
    assert low < 1 < high


def test_a_guard_that_noise_seems_to_break_at_a_look_does_not_end_the_tournament():
    """The first token of both is the same; by the first eight pairs one seems 7 % later, within what noise does."""
    slow_at_first = {SPEED: 125.0, "ftl_ms": 50.0}

    def script(number, run):
        late = 1.25 if number == 7 and run < 8 and run % 3 == 0 else 1.0
        told = {SPEED: 100.0, "ftl_ms": 50.0} if number == 0 else slow_at_first
        return {SPEED: told[SPEED] * (1 + 0.004 * (run % 3)), "ftl_ms": told["ftl_ms"] * late}

    trials = {n: trial(n) for n in (0, 7)}
    state = begun(BegunFor(2, Budget()), SPEED, Pairs(8, 32), trials[0], [trials[7]])
    document = Tournament(FakeExecutor(script), trials, guards=(Guard("ftl_ms"),)).run(state).document
    assert (document.verdict, document.winner) == ("gain", 7)
    assert document.pairs > 8


def test_the_quality_that_binds_is_that_of_what_was_held_out():
    trials = {n: trial(n, quality={"kld": 0.01}) for n in (0, 7)}
    state = begun(BegunFor(2, Budget()), SPEED, Pairs(8, 8), trials[0], [trials[7]], {7: {"kld": 0.2}})
    _, (finalist,) = candidates(state, trials, (Constraint("kld", 0.05),))
    assert finalist.trial.quality == {"kld": 0.2}


LIMITS = (Constraint("wer", 0.1), Constraint("failed_clips_upper", 0.12), Constraint("ftl_ms", 1.0))
"""The last is none on quality: the tournament judges it, by all of its rounds."""


class Judge(FakeExecutor):
    """Judges what the script gives: a trial whose number is among `bad` breaks a limit on word errors."""

    bound = 0.1

    def __init__(self, bad: set[int], gone: set[int] = frozenset()) -> None:
        super().__init__(lambda number, run: 100.0)
        self.bad, self.gone = bad, gone

    def run(self, spec, plan, on_round=None) -> TrialResult:
        ran = super().run(spec, plan)
        if spec.repeat_of in self.gone:
            return TrialResult(-1, spec.params, TrialStatus.CRASHED, "it crashed while it was judged")
        quality = {"wer": 0.3 if spec.repeat_of in self.bad else 0.05, "failed_clips_upper": self.bound}
        return TrialResult(-1, spec.params, TrialStatus.OK, metrics=ran.metrics, host_noise=QUIET, quality=quality)


def test_who_breaks_a_limit_on_what_is_held_out_makes_room_for_the_next():
    judge: Executor = Judge({0, 3})
    told: list[str] = []
    vetted = vet([trial(0)], [trial(3), trial(4), trial(5), trial(6)], 2, judge, LIMITS, told.append)
    assert [t.number for t in vetted.invited] == [4, 5]
    assert vetted.refused == {3: "wer 0.3 > 0.1"}
    assert vetted.quality[0]["wer"] == 0.3
    assert set(vetted.quality) == {0, 3, 4, 5}
    assert told[0] == "judging trial 0 on what was held out"


def test_what_could_not_be_judged_does_not_play_on_the_quality_of_the_search():
    judge = Judge(set(), gone={4})
    vetted = vet([trial(0)], [trial(4), trial(5)], 2, judge, LIMITS)
    assert [t.number for t in vetted.invited] == [5]
    assert vetted.refused == {4: "it crashed while it was judged"}
    assert vetted.quality[4] == {}
    assert judge.numbers().count(4) == 2, "a passing shortage gets a second chance"


def test_the_baseline_and_what_people_run_are_judged_once_and_without_any_finalist_too():
    judge = Judge({1})
    vetted = vet([trial(0), trial(1)], [trial(1), trial(2)], 1, judge, LIMITS)
    assert ([t.number for t in vetted.invited], vetted.refused) == ([2], {}), "what people run plays all the same"
    assert judge.numbers() == [0, 1, 2]
    assert set(vet([trial(0)], [], 0, Judge(set())).quality) == {0}


def test_a_bound_from_few_clips_refuses_nobody_who_does_as_well_as_the_default():
    """Of 13 clips none fails and the bound is 0.21 all the same: of the default too."""
    few = Judge(set())
    few.bound = 0.206
    vetted = vet([trial(0)], [trial(4), trial(5)], 2, few, LIMITS)
    assert ([t.number for t in vetted.invited], vetted.refused) == ([4, 5], {})
    home = {"failed_clips_upper": 0.206}
    assert beside(LIMITS, home)[1].limit == 0.206
    assert beside(LIMITS, {"failed_clips_upper": 0.05}) == LIMITS
    assert broken(beside(LIMITS[1:2], home), {"failed_clips_upper": 0.3}) == ["failed_clips_upper 0.3 > 0.206"]
    assert beside(LIMITS, {"wer": 0.3}) == LIMITS, "a limit on what was counted binds whatever the default does"
