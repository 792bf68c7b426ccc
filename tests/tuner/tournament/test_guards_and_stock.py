"""Verdicts that look at more than the objective: guards of what is felt, and what people run."""

from engines.judgement import Judgement, WorstItem
from tests.tuner.fake_executor import SPEED, FakeExecutor
from tests.tuner.tournament.tournaments import QUIET, trial
from tuner.core.guards import Guard
from tuner.core.objective import Constraint
from tuner.core.study_config import Budget
from tuner.core.trial import TrialResult, TrialStatus
from tuner.measure.executor import Executor
from tuner.tournament.pairs import Pairs
from tuner.tournament.state import BegunFor, begun, candidates
from tuner.tournament.tournament import Tournament
from tuner.tournament.verdict import refusals, sentence
from tuner.tournament.vetting import vet

WORST = WorstItem("clip 7", "nothing was heard", "turn it off")


def hold(values, guards=(), stock=None, quality=None, constraints=()):
    """The document of a tournament whose rounds measure `values`: by trial, the metrics or the speed."""

    def script(number, run):
        told = values[number] if isinstance(values[number], dict) else {SPEED: values[number]}
        return {name: value * (1 + 0.01 * ((7 * run + number) % 5 - 2)) for name, value in told.items()}

    trials = {n: trial(n) for n in values}
    home, *away = trials.values()
    state = begun(BegunFor(len(trials), Budget()), SPEED, Pairs(8, 8), home, away, quality, stock)
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


def test_the_quality_that_binds_is_that_of_what_was_held_out():
    trials = {n: trial(n, quality={"kld": 0.01}) for n in (0, 7)}
    state = begun(
        BegunFor(2, Budget()), SPEED, Pairs(8, 8), trials[0], [trials[7]], {7: Judgement({"kld": 0.2}, WORST)}
    )
    _, (finalist,) = candidates(state, trials, (Constraint("kld", 0.05),))
    assert (finalist.trial.quality, finalist.trial.worst) == ({"kld": 0.2}, WORST)


class Judge(FakeExecutor):
    """Judges what the script gives: a trial whose number is among `bad` breaks a limit."""

    def __init__(self, bad: set[int], gone: set[int] = frozenset()) -> None:
        super().__init__(lambda number, run: 100.0)
        self.bad, self.gone = bad, gone

    def run(self, spec, plan, on_round=None) -> TrialResult:
        ran = super().run(spec, plan)
        if spec.repeat_of in self.gone:
            return TrialResult(-1, spec.params, TrialStatus.CRASHED, "it crashed while it was judged")
        bad = spec.repeat_of in self.bad
        status = TrialStatus.INFEASIBLE if bad else TrialStatus.OK
        return TrialResult(
            -1, spec.params, status, "wer 0.3 > 0.1" * bad, metrics=ran.metrics, host_noise=QUIET,
            quality={"wer": 0.3 if bad else 0.05}, worst=WORST if bad else None,
        )  # fmt: skip


def test_who_breaks_a_limit_on_what_is_held_out_makes_room_for_the_next():
    judge: Executor = Judge({0, 3})
    told: list[str] = []
    vetted = vet([trial(0)], [trial(3), trial(4), trial(5), trial(6)], 2, judge, told.append)
    assert [t.number for t in vetted.invited] == [4, 5]
    assert vetted.refused == {3: "wer 0.3 > 0.1"}
    assert vetted.quality[0] == Judgement({"wer": 0.3}, WORST)
    assert [plan.judge_whole for _, plan in judge.runs] == [True, False, False, False], "a settled one is shown whole"
    assert set(vetted.quality) == {0, 3, 4, 5}
    assert told[0] == "judging trial 0 on what was held out"


def test_what_could_not_be_judged_does_not_play_on_the_quality_of_the_search():
    judge = Judge(set(), gone={4})
    vetted = vet([trial(0)], [trial(4), trial(5)], 2, judge)
    assert [t.number for t in vetted.invited] == [5]
    assert vetted.refused == {4: "it crashed while it was judged"}
    assert vetted.quality[4] == Judgement({})
    assert judge.numbers().count(4) == 2, "a passing shortage gets a second chance"


def test_the_baseline_and_what_people_run_are_judged_once_and_without_any_finalist_too():
    judge = Judge({1})
    vetted = vet([trial(0), trial(1)], [trial(1), trial(2)], 1, judge)
    assert ([t.number for t in vetted.invited], vetted.refused) == ([2], {1: "wer 0.3 > 0.1"})
    assert judge.numbers() == [0, 1, 2]
    assert set(vet([trial(0)], [], 0, Judge(set())).quality) == {0}
