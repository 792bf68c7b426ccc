"""What the rounds of a tournament prove: paired tests on log ratios, corrected for there being several and for looking
several times; and who wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import TYPE_CHECKING, Literal

from tuner.core.guards import FeltVerdict, Guard, broken_by
from tuner.core.metrics import metric
from tuner.core.objective import Objective
from tuner.core.params import count_changes
from tuner.core.stats import RatioTest, geometric_mean, holm
from tuner.tournament.candidate import Candidate, compared
from tuner.tournament.pairs import Pairs

if TYPE_CHECKING:
    from tuner.search.posterior import Posterior

SIGNIFICANCE = 0.05
"""Family-wise, over all finalists and all looks at the data."""
EQUAL = 0.975
"""A gain of at least this share of the largest one may count as equal to it. With 0.99 the search found what is within
3 % of the optimum in 94 % of cases and not in 92 % (`benchmarks/search_efficiency.py`), but deployed three more knobs
that brought nothing, each of which may cost something elsewhere."""
TOLD_APART = 1.25
"""Where a gain of a quarter is not ruled out, noise has left everything open and nothing is decided."""
LEAST_RATIO = {"memory": 1.01}
"""What a process's memory varies by from one start to the next is no gain."""

Verdict = Literal["gain", "keep_default", "only_feasible", "undecided", "no_feasible"]


@dataclass(frozen=True)
class Comparison:
    """Between the default (`baseline`) and the `finalists`, as they have played so far.

    `guards` are what a winner may not make worse. `stock` is the number of the finalist that is what people run, which
    is kept unless another is proven to be better, if it may win at all: out of the user's ranges it plays for its ratio
    alone. `posterior` is what the search found out: it has a say in which of several proven finalists wins. Of the
    planned interim analyses `analyses_done` have been taken without a decision; `proven_early` says that one proved a
    gain.
    """

    objective: Objective
    pairs: Pairs
    baseline: Candidate
    finalists: Sequence[Candidate]
    posterior: Posterior | None = None
    analyses_done: int = 0
    proven_early: bool = False
    guards: tuple[Guard, ...] = ()
    stock: int | None = None
    stock_may_win: bool = True

    def test(self, candidate: Candidate, other: Candidate) -> RatioTest | None:
        """`candidate` ÷ `other`, above 1 is better; None below two pairs."""
        return compared(candidate, other, self.objective, self.pairs.least)

    def felt(self, candidate: Candidate, other: Candidate, names: Sequence[str]) -> list[FeltVerdict]:
        """How each metric that a person notices compares, as far as rounds tell it."""
        tests = {name: compared(candidate, other, Objective(name), self.pairs.least) for name in names}
        return [FeltVerdict.of(name, test.ratio, test.ci95) for name, test in tests.items() if test]

    def refused(self, candidate: Candidate) -> str:
        """The guards that it breaks; "" where there is no default to compare with."""
        felt = self.felt(candidate, self.baseline, [g.metric for g in self.guards])
        return "; ".join(broken_by(self.guards, {f.metric: 1 / f.ratio for f in felt}))

    def may_win(self, candidate: Candidate) -> bool:
        """Whether it keeps the constraints, and makes nothing worse that a person feels."""
        return self._may_be_chosen(candidate) and not self.refused(candidate)

    def may_still_win(self, candidate: Candidate) -> bool:
        """As `may_win`, with further blocks: a guard refuses what is surely worse, and not what looks so by now."""
        felt = self.felt(candidate, self.baseline, [g.metric for g in self.guards])
        surely = {f.metric: 1 / f.ci95[1] for f in felt}
        return self._may_be_chosen(candidate) and not broken_by(self.guards, surely)

    def _may_be_chosen(self, candidate: Candidate) -> bool:
        return candidate.feasible() and (self.stock_may_win or candidate.number != self.stock)

    def tests(self) -> list[RatioTest | None]:
        """Of each finalist against the default; None below two pairs."""
        return [self.test(c, self.baseline) for c in self.finalists]

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
        return [self._published(t) for t in self.tests()]

    def against_stock(self, candidate: Candidate) -> RatioTest | None:
        """`candidate` ÷ what people run, with an interval that holds as the `published` ones do.

        None below two pairs, where nobody plays that is it, and for that itself.
        """
        stock = next((c for c in self.finalists if c.number == self.stock), None)
        return None if stock is None or stock is candidate else self._published(self.test(candidate, stock))

    def _published(self, test: RatioTest | None) -> RatioTest | None:
        level = 1 - SIGNIFICANCE / (self._analyses_at_the_end * max(1, len(self.finalists)))
        return test and replace(test, ci95=test.interval(level))

    def proven(self) -> list[bool]:
        """Of each finalist, whether it has a significant gain over the default and may win."""
        return self._proven(self.adjusted())

    def proven_at_a_look(self) -> list[Candidate]:
        """The finalists proven by the share of the level that one interim analysis may spend."""
        return list(compress(self.finalists, self._proven(self._adjusted(len(self.pairs.analyses)))))

    def verdict(self, others_were_tried: bool) -> tuple[Verdict, Candidate | None]:
        """The best with a proven gain; else a default that may be kept; else the best that meets the constraints.

        Without finalists the default is kept when `others_were_tried` and none came near; else nothing is decided.
        """
        default, tests = self.baseline, self.tests()
        if winners := list(compress(self.finalists, self.proven())):
            return "gain", self._unless_stock(self.chosen(winners), winners)
        if default.trial.metrics and default.feasible():
            compared_enough = any(t is not None and t.pairs >= self.pairs.least for t in tests)
            decided = not default.failure and (compared_enough or (not tests and others_were_tried))
            return ("keep_default" if decided and not self._noise_hides_a_gain() else "undecided"), default
        able = [c for c in self.finalists if not c.failure and c.rounds and c.feasible()]
        return ("only_feasible", self.best(able)) if able else ("no_feasible", None)

    def _noise_hides_a_gain(self) -> bool:
        """Whether the best that may win could be so much better that keeping the default is no answer."""
        able = [
            t
            for c, t in zip(self.finalists, self.published(), strict=True)
            if t and not c.failure and self.may_still_win(c)
        ]
        return any(t.ci95[1] > TOLD_APART for t in able)

    def _unless_stock(self, chosen: Candidate, winners: Sequence[Candidate]) -> Candidate:
        """What people run, where that is proven against the default and `chosen` is not proven against it."""
        stock = next((c for c in winners if c.number == self.stock), None)
        if stock is None or stock is chosen:
            return chosen
        test = self.against_stock(chosen)
        return chosen if test is not None and test.ci95[0] > 1 else stock

    def chosen(self, proven: Sequence[Candidate]) -> Candidate:
        """The best of those with a proven gain; of the best and what is hardly worse the one that changes fewest knobs.

        The best is the likeliest by all that was measured, in the search and here: a tournament tells a gain from none,
        and for telling finalists apart its few processes are too few where those differ much. Hardly worse is what is
        so by all evidence and, side by side, not surely worse than that: what a knob does not bring to the objective
        it may cost elsewhere.
        """
        playing = still_playing(proven)
        gains = self._gains(playing)
        lead = max(playing, key=lambda c: gains[c.number])
        near = [c for c in playing if gains[c.number] >= EQUAL * gains[lead.number]]
        equals = [c for c in near if c is lead or ((t := self.test(c, lead)) is not None and t.ci95[1] >= EQUAL)]
        changes = {c.number: count_changes(c.trial.params, self.baseline.trial.params) for c in equals}
        return min(equals, key=lambda c: (changes[c.number], -gains[c.number]))

    def best(self, candidates: Sequence[Candidate]) -> Candidate:
        """The likeliest best of `candidates`."""
        gains = self._gains(candidates)
        return max(candidates, key=lambda c: gains[c.number])

    def _adjusted(self, analyses: float) -> list[float]:
        return [min(1.0, analyses * p) for p in holm([t.p_value if t else 1.0 for t in self.tests()])]

    @property
    def _analyses_at_the_end(self) -> float:
        """By how much a p-value is multiplied for the looks."""
        planned = len(self.pairs.analyses)
        return float(planned) if self.proven_early else planned / (planned - self.analyses_done)

    def _proven(self, adjusted: Sequence[float]) -> list[bool]:
        """A significant gain, over enough pairs, of a configuration that finished and keeps the constraints."""
        least = LEAST_RATIO.get(metric(self.objective.metric).kind, 1.0)
        return [
            test is not None
            and test.pairs >= self.pairs.least
            and not candidate.failure
            and self.may_win(candidate)
            and p <= SIGNIFICANCE
            and test.ratio > least
            for candidate, test, p in zip(self.finalists, self.tests(), adjusted, strict=True)
        ]

    def _gains(self, candidates: Sequence[Candidate]) -> dict[int, float]:
        """By trial, what each is likely to gain over the others, by the search and the tournament together.

        Over the same blocks for all, the quiet ones unless they are few: what is left out for one alone would compare
        another hour of the machine, or its bursts, with the others'.
        """
        default = self.baseline
        beside = [] if default.failure or default.dropped or not default.rounds else [default]
        playing = [*beside, *candidates]
        quiet = [all(block) for block in zip(*(c.quiet for c in playing), strict=False)]
        used = quiet if sum(quiet) >= min(self.pairs.least, len(quiet) / 2) else [True] * len(quiet)
        played = {c.number: list(compress(c.values, used)) for c in playing}
        likely = self.posterior.judged(played) if self.posterior else {n: geometric_mean(v) for n, v in played.items()}
        reference = next(iter(likely.values()))
        return {number: self.objective.gain(value, reference) for number, value in likely.items()}


def still_playing(proven: Sequence[Candidate]) -> Sequence[Candidate]:
    """Those that are not dropped: who is, is surely worse, and has fewer blocks to be compared over."""
    return [c for c in proven if not c.dropped] or proven
