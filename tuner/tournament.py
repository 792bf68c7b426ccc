"""Finalists against the baseline: interleaved rounds in rotated order, decided by a paired test on log ratios.

Both members of a pair run within one block, seconds apart, so drift cancels; only this estimate is published, because
the best of many noisy trials looks better than it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tuner.contestant import Contestant
from tuner.events import Standing
from tuner.host_noise import summary
from tuner.measurement import Round
from tuner.memory import available_device_mib, available_host_mib
from tuner.objective import Objective
from tuner.runner import TrialRunner
from tuner.stats import RatioTest, geometric_mean, holm, paired_ratio_test
from tuner.trial import MetricValue, TrialResult

SIGNIFICANCE = 0.05
"""Family-wise, over all finalists and all looks at the data."""
LOOK_EVERY_PAIRS = 4
"""After the least number of pairs, the test is looked at again after this many more."""
RESIDENT_SHARE = 0.8
"""Contestants stay loaded together when their predicted memory fits into this share of what is free."""


@dataclass(frozen=True)
class TournamentResult:
    """What the tournament found. `tests` has one entry per finalist that finished; the winner may be the baseline."""

    document: Mapping[str, Any]
    winner: TrialResult | None
    baseline: TrialResult | None
    test: RatioTest | None
    significant: bool
    metrics: Mapping[int, Mapping[str, MetricValue]]
    engine_s: float


class Tournament:
    """Runs one. `on_block` is told the standings after each block, the blocks done and the most there can be."""

    def __init__(
        self,
        runner: TrialRunner,
        objective: Objective,
        pairs_least: int,
        pairs_most: int,
        on_block: Callable[[list[Standing], int, int], None] = lambda standings, done, most: None,
    ) -> None:
        self._runner = runner
        self._objective = objective
        self._least, self._most = pairs_least, max(pairs_least, pairs_most)
        self._on_block = on_block
        self._disturbed: list[list[float]] = []

    def run(
        self, baseline: TrialResult, finalists: Sequence[TrialResult], time_is_up: Callable[[], bool] = lambda: False
    ) -> TournamentResult:
        """Interleave until decided, until the most pairs are run, or (past the least) until the time is up."""
        home, *away = (Contestant(t, self._runner, self._objective.metric) for t in (baseline, *finalists))
        everyone = [home, *away]
        resident = self._fit_together(everyone)
        try:
            for contestant in everyone if away else ():
                contestant.enter()
                if not resident:
                    contestant.release()
            if away:
                self._play(home, away, resident, time_is_up)
        finally:
            for contestant in everyone:
                contestant.release()
        return self._result(home, away)

    def _play(self, home: Contestant, away: list[Contestant], resident: bool, time_is_up: Callable[[], bool]) -> None:
        repeats = max(2, self._least // 2)
        done = block = 0
        while done < self._most and any(not c.failure for c in away):
            played = self._block([home, *away], block, resident)
            block += 1
            if repeats > 0 and any(r.noise.disturbed for _, r in played):
                repeats -= 1
                self._disturbed.append([c.value(r) for c, r in played])
                continue
            for contestant, its_round in played:
                contestant.count(its_round)
            done += 1
            tests = [(c, self._test(c, home)) for c in away if not c.failure]
            self._on_block([_standing(c, t) for c, t in tests], done, self._most)
            if done >= self._least and (time_is_up() or (self._is_look(done) and self._decided(tests))):
                return

    def _block(self, everyone: Sequence[Contestant], block: int, resident: bool) -> list[tuple[Contestant, Round]]:
        """One round of each contestant that still stands, each block beginning with the next one."""
        standing = [c for c in everyone if not c.failure]
        played = []
        for place in range(len(standing)):
            contestant = standing[(place + block) % len(standing)]
            its_round = contestant.play()
            if its_round is not None:
                played.append((contestant, its_round))
            if not resident:
                contestant.release()
        return played

    def _is_look(self, done: int) -> bool:
        return (done - self._least) % LOOK_EVERY_PAIRS == 0

    def _test(self, contestant: Contestant, home: Contestant) -> RatioTest | None:
        """Candidate ÷ baseline turned so that above 1 is better; None below two pairs or without the baseline."""
        pairs = min(len(contestant.values), len(home.values))
        if home.failure or pairs < 2:
            return None
        mine, theirs = contestant.values[:pairs], home.values[:pairs]
        return paired_ratio_test(mine, theirs) if self._objective.maximize else paired_ratio_test(theirs, mine)

    def _adjusted(self, tests: Sequence[RatioTest | None]) -> list[float]:
        """Holm over the finalists; then Bonferroni over the looks, so that looking early costs no certainty."""
        looks = 1 + (self._most - self._least) // LOOK_EVERY_PAIRS
        return [min(1.0, looks * p) for p in holm([t.p_value if t else 1.0 for t in tests])]

    def _decided(self, tests: Sequence[tuple[Contestant, RatioTest | None]]) -> bool:
        """Some finalist's gain is significant, or every finalist is slower."""
        able = [(c, t) for c, t in tests if t is not None]
        adjusted = self._adjusted([t for _, t in able])
        winners = [t for (_, t), p in zip(able, adjusted, strict=True) if p <= SIGNIFICANCE and t.ratio > 1]
        if winners:
            return True
        return all(t.ci95[1] < 1 for _, t in able)

    def _fit_together(self, contestants: Sequence[Contestant]) -> bool:
        predictions = [
            self._runner.engine.predict_memory(self._runner.model, c.trial.params, self._runner.capabilities)
            for c in contestants
        ]
        device_mib = available_device_mib()
        host_fits = sum(p.host_mib for p in predictions) <= RESIDENT_SHARE * available_host_mib()
        needed = sum(p.device_mib for p in predictions)
        return host_fits and (device_mib is None or needed <= RESIDENT_SHARE * device_mib)

    def _result(self, home: Contestant, away: Sequence[Contestant]) -> TournamentResult:
        tests = [(c, self._test(c, home)) for c in away]
        adjusted = self._adjusted([t for _, t in tests])
        significant = {
            c.trial.number: p <= SIGNIFICANCE and t is not None and t.ratio > 1 and not c.failure
            for (c, t), p in zip(tests, adjusted, strict=True)
        }
        finished = [(c, t) for c, t in tests if not c.failure and c.values]
        winner = self._winner(home, finished, significant)
        test = next((t for c, t in finished if c is winner), None)
        document = {
            "objective": self._objective.metric,
            "baseline": {"number": home.trial.number, "params": dict(home.trial.params), "failure": home.failure},
            "baseline_metrics": _json(home.metrics()),
            "finalists": [
                self._finalist(c, t, p, significant[c.trial.number], home)
                for (c, t), p in zip(tests, adjusted, strict=True)
            ],
            "pairs": len(home.values),
            "blocks": [list(b) for b in zip(*[c.values for c in (home, *away) if not c.failure], strict=False)],
            "disturbed_blocks": self._disturbed,
            "noise": dict(summary([r.noise for c in (home, *away) for r in c.rounds])),
            "winner": winner.trial.number if winner else None,
        }
        return TournamentResult(
            document=document,
            winner=winner.trial if winner else None,
            baseline=None if home.failure else home.trial,
            test=test,
            significant=winner is not None and significant.get(winner.trial.number, False),
            metrics={c.trial.number: c.metrics() for c in (home, *away) if c.rounds},
            engine_s=sum(c.engine_s for c in (home, *away)),
        )

    def _winner(
        self, home: Contestant, finished: Sequence[tuple[Contestant, RatioTest | None]], significant: Mapping[int, bool]
    ) -> Contestant | None:
        """The finalist with the largest proven gain; else a feasible baseline; else the best finalist there is."""
        proven = [(c, t) for c, t in finished if significant[c.trial.number]]
        if proven:
            return max(proven, key=lambda pair: pair[1].ratio if pair[1] else 0.0)[0]
        if home.trial.feasible and not home.failure:
            return home
        sign = 1.0 if self._objective.maximize else -1.0
        return max((c for c, _ in finished), key=lambda c: sign * geometric_mean(c.values), default=None)

    def _finalist(
        self, contestant: Contestant, test: RatioTest | None, adjusted: float, significant: bool, home: Contestant
    ) -> dict[str, Any]:
        searched, reference = contestant.trial.value(self._objective.metric), home.trial.value(self._objective.metric)
        return {
            "number": contestant.trial.number,
            "params": dict(contestant.trial.params),
            "search_ratio": self._objective.gain(searched, reference) if searched and reference else None,
            "ratio": test.ratio if test else None,
            "ci95": list(test.ci95) if test else None,
            "p_value": test.p_value if test else None,
            "p_adjusted": adjusted if test else None,
            "pairs": test.pairs if test else 0,
            "significant": significant,
            "failure": contestant.failure,
            "metrics": _json(contestant.metrics()),
        }


def _standing(contestant: Contestant, test: RatioTest | None) -> Standing:
    if test is None:
        return Standing(contestant.trial.number, 1.0, None, len(contestant.values))
    return Standing(contestant.trial.number, test.ratio, test.ci95, test.pairs)


def _json(metrics: Mapping[str, MetricValue]) -> dict[str, Any]:
    return {name: asdict(m) for name, m in metrics.items()}
