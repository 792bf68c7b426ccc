"""What the rounds of a tournament decide: which gains are proven, whether that is enough, and who wins.

A paired test on log ratios for each finalist, corrected for there being several and for looking several times.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import TYPE_CHECKING

from tuner.core.metrics import metric
from tuner.core.objective import Objective
from tuner.core.params import changed_knobs
from tuner.core.stats import RatioTest, geometric_mean, holm
from tuner.tournament.candidate import Candidate, compared, quiet_pairs

if TYPE_CHECKING:
    from tuner.search.posterior import Posterior

SIGNIFICANCE = 0.05
"""Family-wise, over all finalists and all looks at the data."""
INTERIM_ANALYSES = (1.0, 1.5, 2.0, 3.0, 4.0)
"""The test is looked at after these many times the least number of pairs, and at the end."""
EQUAL = 0.975
"""A gain of at least this share of the largest one may count as equal to it. With 0.99 the search found what is within
3 % of the optimum in 94 % of cases and not in 92 % (`benchmarks/search_efficiency.py`), but deployed three more knobs
that brought nothing, each of which may cost something elsewhere."""
RISKED = 0.01
"""Pairs go on while the finalist that leads is expected to be worse than another one by more than this, on average."""
NOTHING = 1.01
"""Where no finalist's interval reaches so far, there is no gain that further pairs could prove."""
LEAST_RATIO = {"memory": 1.01}
"""What a process's memory varies by from one start to the next is no gain."""


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
    def interim_analyses(self) -> list[int]:
        """After how many pairs the test is looked at; the last of them is the end."""
        most = max(self.least, self.most)
        return sorted({n for times in INTERIM_ANALYSES if (n := math.ceil(times * self.least)) < most} | {most})


@dataclass
class Decision:
    """Between the default (`home`) and the finalists (`away`), as they have played so far.

    `posterior` is what the search found out: it has a say in which of several proven finalists wins. Of the planned
    interim analyses `analyses_done` have been taken without a decision.
    """

    objective: Objective
    pairs: Pairs
    home: Candidate
    away: Sequence[Candidate]
    posterior: Posterior | None = None
    analyses_done: int = 0
    proven_early: bool = field(default=False, init=False)

    def tests(self) -> list[RatioTest | None]:
        """Of each finalist against the default; None below two pairs."""
        return [self._test(c, self.home) for c in self.away]

    def analyse(self) -> bool:
        """Take a planned look: whether there is nothing left to find out. If there is, who has no part in it rests."""
        proven = self._proven_early()
        if self._decided(proven):
            self.proven_early = self.proven_early or bool(proven)
            return True
        self._drop_settled(proven)
        self.analyses_done += 1
        return False

    def adjusted(self) -> list[float]:
        """The p-value of each test, by Holm over the finalists and then by Bonferroni over the looks.

        A look spends an equal share of the level; the end, when the time or the pairs are used up, whatever the looks
        that were not taken leave. So looking early costs no certainty, and looks that there was no time for no power.
        """
        return self._adjusted(self._analyses_at_the_end)

    def published(self) -> list[RatioTest | None]:
        """The tests with intervals that hold all at once, whichever finalist is chosen and after whichever look.

        One of 95 % for each test alone would hold the truth of the chosen one less often than that. Where several are
        proven, Holm's test may be sure of one whose interval still holds 1.
        """
        tests = self.tests()
        level = 1 - SIGNIFICANCE / (self._analyses_at_the_end * len(tests)) if tests else 0.0
        return [t and replace(t, ci95=t.interval(level)) for t in tests]

    def proven(self) -> list[bool]:
        """Of each finalist, whether it has a significant gain over the default and may win."""
        return self._proven(self.adjusted())

    def verdict(self, others_were_tried: bool) -> tuple[str, Candidate | None]:
        """The best with a proven gain; else a default that may be kept; else the best that meets the constraints.

        Without finalists the default is kept when `others_were_tried` and none came near; else nothing is decided.
        """
        home, tests = self.home, self.tests()
        if winners := list(compress(self.away, self.proven())):
            return "gain", self.chosen(winners)
        if home.trial.metrics and home.feasible():
            compared_enough = any(t is not None and t.pairs >= self.pairs.least for t in tests)
            decided = not home.failure and (compared_enough or (not tests and others_were_tried))
            return ("keep_default" if decided else "undecided"), home
        able = [c for c in self.away if not c.failure and c.plays and c.feasible()]
        return ("only_feasible", self._best(able)) if able else ("no_feasible", None)

    def chosen(self, proven: Sequence[Candidate]) -> Candidate:
        """The best of those with a proven gain; of the best and what is hardly worse the one that changes fewest knobs.

        The best is the likeliest by all that was measured, in the search and here: a tournament tells a gain from none,
        and for telling finalists apart its few processes are too few where those differ much. Hardly worse is what is
        so by all evidence and, side by side, not surely worse than that: what a knob does not bring to the objective
        it may cost elsewhere.
        """
        standing = _standing(proven)
        gains = self._gains(standing)
        lead = max(standing, key=lambda c: gains[c.trial.number])
        near = [c for c in standing if gains[c.trial.number] >= EQUAL * gains[lead.trial.number]]
        equals = [c for c in near if c is lead or ((t := self._test(c, lead)) is not None and t.ci95[1] >= EQUAL)]
        changes = {c.trial.number: changed_knobs(c.trial.params, self.home.trial.params) for c in equals}
        return min(equals, key=lambda c: (changes[c.trial.number], -gains[c.trial.number]))

    def _drop_settled(self, proven: Sequence[Candidate]) -> None:
        """Let those rest of whom nothing is left to find out.

        That is a proven finalist that is surely worse than another one, and the default once all are proven: it is
        mostly the slowest by far, and which finalist is best is found out without it. One that is not proven yet plays
        on, because the one before it may still fail or break a constraint. Who rests never comes back: its next round
        would stand beside one of an earlier block.
        """
        if not self._may_keep_default() or len(able := self._able()) < 2:
            return
        lead, sure = self._best(able), 1 - SIGNIFICANCE / (len(self.pairs.interim_analyses) * len(able))
        for candidate in able:
            if candidate is not lead and candidate in proven:
                test = self._test(lead, candidate)
                candidate.dropped = test is not None and test.interval(sure)[0] * EQUAL > 1
        if self._quiet_enough(able) and all(c in proven for c in able):
            self.home.dropped = self.proven_early = True

    def _decided(self, proven: Sequence[Candidate]) -> bool:
        """Some finalist's gain is significant and little is risked by taking the best; or there is no gain to prove.

        A gain not before the least number of quiet pairs, which a machine that is never quiet does not reach. Where
        the default cannot be kept, only which finalist is best is left to find out.
        """
        if not (able := self._able()):
            return True
        if not self._may_keep_default():
            return self._little_risked(self._best(able), able, RISKED)
        tests = [self._test(c, self.home) for c in able]
        if all(t is not None and t.ci95[1] < NOTHING for t in tests):
            return True
        if not proven or not self._quiet_enough(able):
            return False
        chosen = self.chosen(proven)
        leads = chosen is self._best(_standing(proven))  # else something is given for fewer changes
        return self._little_risked(chosen, able, RISKED if leads else 1 - EQUAL)

    def _able(self) -> list[Candidate]:
        """The finalists that may still win."""
        return [c for c in self.away if c.standing and c.feasible()]

    def _proven_early(self) -> list[Candidate]:
        """Those proven by the share of the level that one look may spend."""
        return list(compress(self.away, self._proven(self._adjusted(len(self.pairs.interim_analyses)))))

    def _quiet_enough(self, finalists: Sequence[Candidate]) -> bool:
        """Whether each has the least number of pairs with the default that nobody disturbed."""
        return all(sum(quiet_pairs(c, self.home)) >= self.pairs.least for c in finalists)

    def _may_keep_default(self) -> bool:
        return not self.home.failure and self.home.feasible()

    def _test(self, candidate: Candidate, other: Candidate) -> RatioTest | None:
        return compared(candidate, other, self.objective, self.pairs.least)

    def _adjusted(self, interim_analyses: float) -> list[float]:
        return [min(1.0, interim_analyses * p) for p in holm([t.p_value if t else 1.0 for t in self.tests()])]

    @property
    def _analyses_at_the_end(self) -> float:
        """By how much a p-value is multiplied for the looks."""
        planned = len(self.pairs.interim_analyses)
        return float(planned) if self.proven_early else planned / (planned - self.analyses_done)

    def _proven(self, adjusted: Sequence[float]) -> list[bool]:
        """A significant gain, over enough pairs, of a configuration that finished and keeps the constraints."""
        least = LEAST_RATIO.get(metric(self.objective.metric).kind, 1.0)
        return [
            test is not None
            and test.pairs >= self.pairs.least
            and not candidate.failure
            and candidate.feasible()
            and p <= SIGNIFICANCE
            and test.ratio > least
            for candidate, test, p in zip(self.away, self.tests(), adjusted, strict=True)
        ]

    def _little_risked(self, chosen: Candidate, rivals: Sequence[Candidate], most: float) -> bool:
        """Whether it is expected to be worse than any of its rivals by `most`, a share, at the most."""
        return all(_expected_loss(self._test(chosen, c)) <= most for c in rivals if c is not chosen)

    def _best(self, candidates: Sequence[Candidate]) -> Candidate:
        """The likeliest best of `candidates`."""
        gains = self._gains(candidates)
        return max(candidates, key=lambda c: gains[c.trial.number])

    def _gains(self, candidates: Sequence[Candidate]) -> dict[int, float]:
        """By trial, what each is likely to gain over the others, by the search and the tournament together.

        Over the same blocks for all, the quiet ones unless they are few: what is left out for one alone would compare
        another hour of the machine, or its bursts, with the others'.
        """
        home_too = [] if self.home.failure or self.home.dropped or not self.home.plays else [self.home]
        playing = [*home_too, *candidates]
        quiet = [all(block) for block in zip(*(c.quiet for c in playing), strict=False)]
        used = quiet if sum(quiet) >= min(self.pairs.least, len(quiet) / 2) else [True] * len(quiet)
        played = {c.trial.number: list(compress(c.values, used)) for c in playing}
        likely = self.posterior.judged(played) if self.posterior else {n: geometric_mean(v) for n, v in played.items()}
        reference = next(iter(likely.values()))
        return {number: self.objective.gain(value, reference) for number, value in likely.items()}


def _standing(proven: Sequence[Candidate]) -> Sequence[Candidate]:
    """Those that still play: who rests is surely worse, and has fewer blocks to be compared over."""
    return [c for c in proven if not c.dropped] or proven


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
