"""tournament.json: what was played and decided, as it is written and read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

from search_spaces.parameter import Value
from tuner.core.guards import FeltVerdict
from tuner.core.metrics import METRICS
from tuner.core.objective import Objective, pace_corrected
from tuner.core.stats import RatioTest
from tuner.core.trial import MetricValue
from tuner.measure.host.host_noise import combined
from tuner.tournament.candidate import Candidate
from tuner.tournament.comparison import Comparison, Verdict
from tuner.tournament.state import TournamentState


@dataclass(frozen=True)
class BaselineDocument:
    """The default; `failure` says why it is out, "" where it is not."""

    number: int
    params: Mapping[str, Value]
    failure: str = ""


@dataclass(frozen=True)
class FinalistDocument:
    """A finalist against the default.

    `search_ratio` is what the search found, `ratio` what the tournament did, above 1 is better; `ci95` is its interval,
    which holds for all finalists at once, `p_adjusted` the p-value corrected for finalists and looks. They are None
    where there are too few pairs. It is out where there is a `failure`, and may not win where it `breaks` a constraint
    or is `refused` by a guard. `felt` compares with the default what a person notices.
    """

    number: int
    params: Mapping[str, Value]
    search_ratio: float | None
    ratio: float | None
    ci95: tuple[float, float] | None
    p_value: float | None
    p_adjusted: float | None
    pairs: int
    significant: bool
    failure: str
    breaks: str
    metrics: Mapping[str, MetricValue]
    refused: str = ""
    felt: tuple[FeltVerdict, ...] = ()

    @property
    def test(self) -> RatioTest | None:
        """The published test against the default."""
        if self.ratio is None or self.ci95 is None or self.p_value is None:
            return None
        return RatioTest(self.ratio, self.ci95, self.p_value, self.pairs)


@dataclass(frozen=True)
class StockDocument:
    """What people run, by its trial: `test` compares the winner with it, None where that is it or nobody."""

    number: int
    params: Mapping[str, Value]
    metrics: Mapping[str, MetricValue]
    test: RatioTest | None


@dataclass(frozen=True)
class TournamentDocument:
    """A tournament that has ended.

    `blocks` has a row for each block and a column for the default and each finalist that did not fail: the objective,
    None where one had been dropped; `quiet` says of each whether nobody disturbed it. `winner` is a trial's number,
    None without one. `trials` and `exhausted` are of the study by then. `vetoed` maps trials that broke a limit on what
    is held out, and so did not play, to the reason. `selection` is the tournament that chose the winner, where that
    then went on with fewer changes: this one is of those.
    """

    objective: str
    baseline: BaselineDocument
    baseline_metrics: Mapping[str, MetricValue]
    finalists: tuple[FinalistDocument, ...]
    pairs: int
    pairs_most: int
    blocks: tuple[tuple[float | None, ...], ...]
    quiet: tuple[tuple[bool | None, ...], ...]
    repeated_rounds: int
    noise: Mapping[str, float]
    winner: int | None
    verdict: Verdict
    trials: int
    exhausted: bool
    summary: str = ""
    stock: StockDocument | None = None
    vetoed: Mapping[int, str] = field(default_factory=dict)
    selection: TournamentDocument | None = None

    @property
    def winning_finalist(self) -> FinalistDocument | None:
        """The winner, unless that is the default or nobody."""
        return next((f for f in self.finalists if f.number == self.winner), None)


def tournament_document(
    state: TournamentState, comparison: Comparison, verdict: Verdict, winner: Candidate | None
) -> TournamentDocument:
    """What a tournament came to; the summary in words is another's."""
    default = comparison.baseline
    players = (default, *comparison.finalists)
    finished = [c for c in players if not c.failure]
    rows = zip(comparison.finalists, comparison.published(), comparison.adjusted(), comparison.proven(), strict=True)
    return TournamentDocument(
        objective=state.objective,
        baseline=BaselineDocument(default.number, default.trial.params, default.failure),
        baseline_metrics=default.metrics(),
        finalists=tuple(_finalist(c, t, p, significant, comparison) for c, t, p, significant in rows),
        pairs=len(default.rounds),
        pairs_most=state.pairs.end,
        blocks=tuple(zip_longest(*[c.values for c in finished])),
        quiet=tuple(zip_longest(*[c.quiet for c in finished])),
        repeated_rounds=state.played.replays,
        noise=combined([r.noise for c in players for r in c.rounds]),
        winner=winner.number if winner else None,
        verdict=verdict,
        trials=state.begun_for.trials,
        exhausted=state.begun_for.exhausted,
        stock=_stock(comparison, winner),
        vetoed=state.vetoed,
    )


def _stock(comparison: Comparison, winner: Candidate | None) -> StockDocument | None:
    stock = next((c for c in comparison.finalists if c.number == comparison.stock), None)
    if stock is None:
        return None
    test = comparison.against_stock(winner) if winner is not None else None
    return StockDocument(stock.number, stock.trial.params, stock.metrics(), test)


def _felt(candidate: Candidate, comparison: Comparison) -> tuple[FeltVerdict, ...]:
    told = [n for n in METRICS if METRICS[n].felt and candidate.values_of(n) and comparison.baseline.values_of(n)]
    return tuple(comparison.felt(candidate, comparison.baseline, told))


def _finalist(
    candidate: Candidate, test: RatioTest | None, adjusted: float, significant: bool, comparison: Comparison
) -> FinalistDocument:
    default = comparison.baseline
    objective = Objective(candidate.metric)
    searched, reference = (pace_corrected(c.trial, objective.metric) for c in (candidate, default))
    return FinalistDocument(
        number=candidate.number,
        params=candidate.trial.params,
        search_ratio=objective.gain(searched, reference) if searched and reference else None,
        ratio=test.ratio if test else None,
        ci95=test.ci95 if test else None,
        p_value=test.p_value if test else None,
        p_adjusted=adjusted if test else None,
        pairs=test.pairs if test else 0,
        significant=significant,
        failure=candidate.failure,
        breaks=candidate.breaks() if candidate.rounds else "",
        metrics=candidate.metrics(),
        refused=comparison.refused(candidate),
        felt=_felt(candidate, comparison),
    )
