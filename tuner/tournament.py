"""Finalists against the baseline: interleaved rounds in rotated order, decided by a paired test on log ratios.

Both members of a pair run within one block, one after the other, so drift cancels; only this estimate is published,
because the best of many noisy trials looks better than it is. Each round has a process of its own: one start of a
process differs from the next by some per cent on many machines, which rounds of one process never show. Pairs of the
same two processes would be no further evidence, and a test that takes them for it finds gains among equals (12 % of
sweeps with two blocks a process where processes differ by 3 %; `benchmarks/false_gains.py`). So nothing stays loaded
from block to block; within one, each process plays a single round, and one that waited loaded for the others' would
only take their memory.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import compress
from typing import TYPE_CHECKING, Any

from tuner import interrupts
from tuner.contestant import Contestant, Play, compared, play_block, play_s, quiet_pairs
from tuner.events import Standing
from tuner.host_noise import summary
from tuner.metrics import metric
from tuner.objective import Objective, steady
from tuner.params import changed_knobs
from tuner.runner import TrialRunner
from tuner.stats import RatioTest, geometric_mean, holm, holm_multiples
from tuner.trial import MetricValue, TrialResult

if TYPE_CHECKING:
    from tuner.belief import Belief

SIGNIFICANCE = 0.05
"""Family-wise, over all finalists and all looks at the data."""
LOOKS = (1.0, 1.5, 2.0, 3.0, 4.0)
"""The test is looked at after these many times the least number of pairs, and at the end."""
EQUAL = 0.99
"""A gain of at least this share of the largest one may count as equal to it."""
REPEATED_SHARE = 0.5
"""Rounds that others disturb are played again, as many as this share of the least number of rounds."""
RISKED = 0.01
"""Pairs go on while the finalist that leads is expected to be worse than another one by more than this, on average."""
NOTHING = 1.01
"""Where no finalist's interval reaches so far, there is no gain that further pairs could prove."""
LEAST_RATIO = {"memory": 1.01}
"""What a process's memory varies by from one start to the next is no gain."""

Played = Mapping[int, Play]
"""A block: what each contestant played in it, by its trial's number."""


@dataclass(frozen=True)
class TournamentResult:
    """What the tournament found; `verdict` is one of `Outcome`'s. The winner may be the baseline.

    `baseline` is None when the default does not run here at all. `p_value` is the adjusted one of the winner's test.
    """

    document: Mapping[str, Any]
    verdict: str
    winner: TrialResult | None
    baseline: TrialResult | None
    test: RatioTest | None
    p_value: float | None
    metrics: Mapping[int, Mapping[str, MetricValue]]


@dataclass(frozen=True)
class Pairs:
    """How many pairs there are: at least `least`, at most `most`, and over `span_s` seconds before an early end.

    The cores of a virtual machine change their speed for seconds at a time, for one configuration more than for
    another (two threads 25 % slower for 5 to 20 s, one thread as before): pairs of one such moment are no independent
    evidence, however many they are.
    """

    least: int
    most: int
    span_s: float = 0.0

    @property
    def looks(self) -> list[int]:
        """After how many pairs the test is looked at."""
        most = max(self.least, self.most)
        return sorted({n for times in LOOKS if (n := math.ceil(times * self.least)) < most} | {most})


class Tournament:
    """Runs one. `on_block` is told the standings after each block, the blocks done and the most there can be.

    `belief` is what the search found out: it has a say in which of several proven finalists wins. `keep` is told each
    block when it is done; `played` are the blocks of the same contestants that an earlier run kept.
    """

    def __init__(
        self,
        runner: TrialRunner,
        objective: Objective,
        pairs: Pairs,
        on_block: Callable[[list[Standing], int, int], None] = lambda standings, done, most: None,
        belief: Belief | None = None,
        keep: Callable[[Played], None] = lambda block: None,
        played: Sequence[Played] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runner = runner
        self._objective = objective
        self._pairs, self._least, self._most = pairs, pairs.least, max(pairs.least, pairs.most)
        self._on_block = on_block
        self._belief = belief
        self._keep, self._played = keep, played
        self._clock = clock
        self._repeated = 0
        self._looked = 0
        self._decided_at_a_look = False

    def run(
        self,
        baseline: TrialResult,
        finalists: Sequence[TrialResult],
        left_s: Callable[[], float] = lambda: math.inf,
        others_were_tried: bool = False,
    ) -> TournamentResult:
        """Interleave until decided, until the most pairs are run, or until what is left of the time is too short.

        Of the time there are `left_s` seconds, but the least pairs are run whatever it is.

        Without finalists the default is kept when `others_were_tried` and none came near; else nothing is decided.
        """
        home, *away = (Contestant(t, self._runner, self._objective.metric) for t in (baseline, *finalists))
        if not baseline.metrics:
            home.failure = baseline.reason  # it did not run in the search; there is nothing to compare with
        if away:
            self._play(home, away, left_s)
        return self._result(home, away, others_were_tried)

    def _play(self, home: Contestant, away: list[Contestant], left_s: Callable[[], float]) -> None:
        everyone, begin = [home, *away], self._clock()
        for earlier in self._played:
            for contestant in everyone:
                if contestant.trial.number in earlier:
                    contestant.count(earlier[contestant.trial.number])
        done = len(self._played)
        self._looked = sum(look <= done for look in self._pairs.looks[:-1])
        for contestant in everyone:
            if len(contestant.plays) < done and not contestant.failure:  # pairs are by block: it cannot come back
                contestant.failure = "it had failed before the tournament was interrupted"
        while done < self._most and any(not c.failure for c in away) and not (home.failure and home.trial.metrics):
            interrupts.check()
            block = play_block(everyone, done, lambda: self._again(len(everyone)))
            with interrupts.put_off():
                self._keep({c.trial.number: play for c, play in block})
                for contestant, play in block:
                    contestant.count(play)
            done += 1
            tests = [(c, self._test(c, home)) for c in away]
            self._on_block([_standing(c, t) for c, t in tests if not c.failure], done, self._most)
            spent_s = self._clock() - begin
            if done >= self._least and left_s() < spent_s / (done - len(self._played)):
                return
            if done in self._pairs.looks[:-1] and spent_s >= self._pairs.span_s:
                if self._decided(home, tests):
                    self._decided_at_a_look = True
                    return
                self._looked += 1

    def _again(self, contestants: int) -> bool:
        """Whether one more round that others disturbed may be played again; counts it."""
        if self._repeated >= math.ceil(REPEATED_SHARE * self._least * contestants):
            return False
        self._repeated += 1
        return True

    def _test(self, contestant: Contestant, other: Contestant) -> RatioTest | None:
        return compared(contestant, other, self._objective, self._least)

    def _adjusted(self, tests: Sequence[RatioTest | None], looks: float) -> list[float]:
        """Holm over the finalists; then Bonferroni over the looks, so that looking early costs no certainty."""
        return [min(1.0, looks * p) for p in holm([t.p_value if t else 1.0 for t in tests])]

    @property
    def _looks_at_the_end(self) -> float:
        """By how much a p-value is multiplied for the looks, in the end.

        A look spends an equal share of the level; the end, when the time or the pairs are used up, whatever the looks
        that were not taken leave.
        """
        planned = len(self._pairs.looks)
        return float(planned) if self._decided_at_a_look else planned / (planned - self._looked)

    def _decided(self, home: Contestant, tests: Sequence[tuple[Contestant, RatioTest | None]]) -> bool:
        """Some finalist's gain is significant and little is risked by taking the best; or there is no gain to prove.

        A gain not before the least number of quiet pairs, which a machine that is never quiet does not reach. Where
        the default cannot be kept, only which finalist is best is left to find out.
        """
        able = [(c, t) for c, t in tests if not c.failure and c.feasible()]
        if not able:
            return True
        if home.failure or not home.feasible():
            return self._little_risked(self._best([c for c, _ in able], home), [c for c, _ in able])
        if all(t is not None and t.ci95[1] < NOTHING for _, t in able):
            return True
        if any(sum(quiet_pairs(c, home)) < self._least for c, _ in able):
            return False
        adjusted = self._adjusted([t for _, t in tests], len(self._pairs.looks))
        proven = [c for (c, t), p in zip(tests, adjusted, strict=True) if self._proven(c, t, p)]
        return bool(proven) and self._little_risked(self._chosen(proven, home), [c for c, _ in able])

    def _little_risked(self, chosen: Contestant, rivals: Sequence[Contestant]) -> bool:
        """Whether it is hardly worse than any of its rivals."""
        return all(_expected_loss(self._test(chosen, c)) <= RISKED for c in rivals if c is not chosen)

    def _proven(self, contestant: Contestant, test: RatioTest | None, adjusted: float) -> bool:
        """A significant gain, over enough pairs, of a configuration that finished and keeps the constraints."""
        if test is None or test.pairs < self._least or contestant.failure or not contestant.feasible():
            return False
        return adjusted <= SIGNIFICANCE and test.ratio > LEAST_RATIO.get(metric(self._objective.metric).kind, 1.0)

    def estimate_s(self, baseline: TrialResult, finalists: Sequence[TrialResult]) -> float:
        """How long the least pairs will take, at the pace that the contestants had in the search."""
        playing = [t for t in (baseline, *finalists) if t.metrics]
        # Those that others disturb come again.
        plays = [1 + min(REPEATED_SHARE, t.host_noise.get("disturbed_share", 0.0)) for t in playing]
        least_s = self._least * sum(share * play_s(self._runner, t) for share, t in zip(plays, playing, strict=True))
        return max(least_s, self._pairs.span_s)

    def _result(self, home: Contestant, away: Sequence[Contestant], others_were_tried: bool) -> TournamentResult:
        tests = [(c, self._test(c, home)) for c in away]
        looks = self._looks_at_the_end
        adjusted = self._adjusted([t for _, t in tests], looks)
        proven = {c.trial.number: self._proven(c, t, p) for (c, t), p in zip(tests, adjusted, strict=True)}
        verdict, winner = self._verdict(home, tests, proven, others_were_tried)
        published = self._published([t for _, t in tests], looks)
        tests = [(c, t) for (c, _), t in zip(tests, published, strict=True)]
        test, p_value = next(((t, p) for (c, t), p in zip(tests, adjusted, strict=True) if c is winner), (None, None))
        document = {
            "objective": self._objective.metric,
            "baseline": {"number": home.trial.number, "params": dict(home.trial.params), "failure": home.failure},
            "baseline_metrics": _json(home.metrics()),
            "finalists": [
                self._finalist(c, t, p, proven[c.trial.number], home) for (c, t), p in zip(tests, adjusted, strict=True)
            ],
            "pairs": len(home.plays),
            "pairs_most": self._most,
            "blocks": [list(b) for b in zip(*[c.values for c in (home, *away) if not c.failure], strict=False)],
            "quiet": [list(b) for b in zip(*[c.quiet for c in (home, *away) if not c.failure], strict=False)],
            "repeated_rounds": self._repeated,
            "noise": dict(summary([p.noise for c in (home, *away) for p in c.plays])),
            "winner": winner.trial.number if winner else None,
        }
        return TournamentResult(
            document=document,
            verdict=verdict,
            winner=winner.trial if winner else None,
            baseline=home.trial if home.trial.metrics else None,
            test=test,
            p_value=p_value if test else None,
            metrics={c.trial.number: c.metrics() for c in (home, *away) if c.plays},
        )

    def _published(self, tests: Sequence[RatioTest | None], looks: float) -> list[RatioTest | None]:
        """The tests with intervals as wide as the decision asks for: of the best of several, looked at several times.

        One of 95 % for each test alone would hold the truth of the chosen one less often than that.
        """
        multiples = holm_multiples([t.p_value if t else 1.0 for t in tests])
        levels = [1 - SIGNIFICANCE / (looks * multiple) for multiple in multiples]
        return [t and replace(t, ci95=t.interval(level)) for t, level in zip(tests, levels, strict=True)]

    def _verdict(
        self,
        home: Contestant,
        tests: Sequence[tuple[Contestant, RatioTest | None]],
        proven: Mapping[int, bool],
        others_were_tried: bool,
    ) -> tuple[str, Contestant | None]:
        """The best with a proven gain; else a default that may be kept; else the best that meets the constraints."""
        if winners := [c for c, _ in tests if proven[c.trial.number]]:
            return "gain", self._chosen(winners, home)
        if home.trial.metrics and home.feasible():
            compared_enough = any(t is not None and t.pairs >= self._least for _, t in tests)
            decided = not home.failure and (compared_enough or (not tests and others_were_tried))
            return ("keep_default" if decided else "undecided"), home
        able = [c for c, _ in tests if not c.failure and c.plays and c.feasible()]
        return ("only_feasible", self._best(able, home)) if able else ("no_feasible", None)

    def _chosen(self, proven: Sequence[Contestant], home: Contestant) -> Contestant:
        """The best of those with a proven gain; of the best and what is hardly worse the one that changes fewest knobs.

        The best is the likeliest by all that was measured, in the search and here: a tournament tells a gain from none,
        and for telling finalists apart its few processes are too few where those differ much. Hardly worse is what is
        so by all evidence and, side by side, surely enough: what a knob does not bring to the objective it may cost
        elsewhere.
        """
        gains = self._gains(home, proven)
        lead = max(proven, key=lambda c: gains[c.trial.number])
        near = [c for c in proven if gains[c.trial.number] >= EQUAL * gains[lead.trial.number]]
        equals = [c for c in near if c is lead or _expected_loss(self._test(c, lead)) <= RISKED]
        changes = {c.trial.number: changed_knobs(c.trial.params, home.trial.params) for c in equals}
        return min(equals, key=lambda c: (changes[c.trial.number], -gains[c.trial.number]))

    def _best(self, candidates: Sequence[Contestant], home: Contestant) -> Contestant:
        """The likeliest best of `candidates`."""
        gains = self._gains(home, candidates)
        return max(candidates, key=lambda c: gains[c.trial.number])

    def _gains(self, home: Contestant, candidates: Sequence[Contestant]) -> dict[int, float]:
        """By trial, what each is likely to gain over the others, by the search and the tournament together.

        Over the same blocks for all, the quiet ones unless they are few: what is left out for one alone would compare
        another hour of the machine, or its bursts, with the others'.
        """
        playing = [c for c in (home, *candidates) if c.plays and not c.failure]
        quiet = [all(block) for block in zip(*(c.quiet for c in playing), strict=False)]
        used = quiet if sum(quiet) >= min(self._least, len(quiet) / 2) else [True] * len(quiet)
        played = {c.trial.number: list(compress(c.values, used)) for c in playing}
        likely = self._belief.judged(played) if self._belief else {n: geometric_mean(v) for n, v in played.items()}
        reference = next(iter(likely.values()))
        return {number: self._objective.gain(value, reference) for number, value in likely.items()}

    def _finalist(
        self, contestant: Contestant, test: RatioTest | None, adjusted: float, significant: bool, home: Contestant
    ) -> dict[str, Any]:
        searched, reference = (steady(c.trial, self._objective.metric) for c in (contestant, home))
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
            "breaks": contestant.breaks() if contestant.plays else "",
            "metrics": _json(contestant.metrics()),
        }


def _expected_loss(test: RatioTest | None) -> float:
    """By how much a candidate is worse than another on average, counting 0 where it is better.

    Of the logarithm of their ratio, taken as normal with the test's middle and spread.
    """
    if test is None:
        return math.inf
    middle, spread = math.log(test.ratio), math.log(test.ci95[1] / test.ci95[0]) / 4
    if spread == 0:
        return max(0.0, -middle)
    chance = statistics.NormalDist()
    return spread * chance.pdf(middle / spread) - middle * chance.cdf(-middle / spread)


def _standing(contestant: Contestant, test: RatioTest | None) -> Standing:
    if test is None:
        return Standing(contestant.trial.number, 1.0, None, len(contestant.values))
    return Standing(contestant.trial.number, test.ratio, test.ci95, test.pairs)


def _json(metrics: Mapping[str, MetricValue]) -> dict[str, Any]:
    return {name: asdict(m) for name, m in metrics.items()}
