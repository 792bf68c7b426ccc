"""Tournaments that are played by a script."""

import math
from types import SimpleNamespace

from tests.tuner.fake_executor import SPEED, FakeExecutor, noisy
from tuner.core.objective import Objective
from tuner.core.study_config import Budget
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.measure.host.host_noise import HostNoise, summary
from tuner.tournament.candidate import Candidate
from tuner.tournament.pairs import Pairs
from tuner.tournament.rounds import BlockRound
from tuner.tournament.state import BegunFor, begun
from tuner.tournament.tournament import Tournament

FASTER = Objective(SPEED)
QUIET, LOUD = (dict(summary([HostNoise(others_cores=cores)])) for cores in (0.0, 1.0))
NUMBERS = (0, 7, 12, 13)
"""Trial numbers as they may be: others of the study's are repeats and drift checks."""


def trial(number, value=100.0, status=TrialStatus.OK, **more):
    metrics = {} if status is not TrialStatus.OK else {SPEED: MetricValue(value, None, "tok/s")}
    reason = "" if status is TrialStatus.OK else "it crashed in the search"
    params = more.pop("params", {"n": number})
    return TrialResult(number, params, status, reason, metrics=metrics, **more)


def round_of(value, busy=False, metric=SPEED):
    return BlockRound({metric: value}, {"load_cached_s": 0.5}, LOUD if busy else QUIET)


def played(number, values, busy=(), constraints=(), dropped=False, **params):
    """A candidate that has played `values`, those of the blocks `busy` disturbed by others."""
    rounds = tuple(round_of(value, block in busy) for block, value in enumerate(values))
    return Candidate(trial(number, params=params), SPEED, tuple(constraints), rounds, dropped=dropped)


def hold(
    values=None,
    noise=0.0,
    pairs=None,
    objective=SPEED,
    constraints=(),
    ran=True,
    params=None,
    executor=None,
    state=None,
    left_s=lambda: math.inf,
    others_tried=False,
    posterior=None,
    disturbed=None,
):
    """A tournament: of `values` by trial number the first is the default's. What happened is told beside the result.

    A value may be a number, or a function of the block that gives one, several metrics or a reason to fail for.
    """
    values = values or {0: 100.0}
    numbers = list(values)

    def script(number, run):
        value = values[number]
        return value(run) if callable(value) else noisy({number: value}, noise)(number, run)

    executor = executor or FakeExecutor(script, objective)
    executor.disturbed = disturbed or executor.disturbed
    given = params or {}
    trials = {n: trial(n, params=given.get(n, {"n": n})) for n in numbers}
    if not ran:
        trials[numbers[0]] = trial(numbers[0], status=TrialStatus.CRASHED)
    told = SimpleNamespace(states=[], blocks=[], executor=executor, trials=trials)
    if state is None:
        for_what = BegunFor(len(trials), Budget(), False, others_tried)
        home, *away = trials.values()
        state = begun(for_what, objective, pairs or Pairs(8, 16), home, away)
    tournament = Tournament(
        executor,
        trials,
        tuple(constraints),
        posterior,
        told.states.append,
        lambda *block: told.blocks.append(block),
        executor.clock,
    )
    return tournament.run(state, left_s), told
