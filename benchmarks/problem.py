"""What a search is asked for on a recording, and what is kept of how it went."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from benchmarks.recorded_space import space_of
from benchmarks.recording import keeps
from benchmarks.world import Known, Surface
from search_spaces.parameter import Params
from search_spaces.space import SearchSpace
from tuner.core.objective import Objective

NEAR = 0.03
"""A configuration this close to the optimum counts as found."""


@dataclass(frozen=True)
class Problem:
    """Find the best configuration of a recorded grid under constraints on quality."""

    surface: Surface
    objective: Objective
    constraints: Mapping[str, float]

    @cached_property
    def space(self) -> SearchSpace:
        """The search space that the grid enumerates."""
        return space_of(self.surface.recording)

    @cached_property
    def optimum(self) -> Known:
        """The truly best feasible configuration."""
        return self.surface.optimum(self.objective.metric, self.objective.maximize, self.feasible)

    @property
    def exhaustive_s(self) -> float:
        """The time of measuring everything."""
        return self.surface.exhaustive_s

    def feasible(self, quality: Mapping[str, float]) -> bool:
        """Whether the constraints hold."""
        return keeps(quality, self.constraints)

    def regret(self, params: Params | None) -> float:
        """By what share `params` is truly worse than the optimum; 1 for none and for what is not feasible."""
        value = None if params is None else self.surface.truth(params, self.objective.metric)
        if params is None or value is None or not self.feasible(self._quality(params)):
            return 1.0
        return 1 - self.objective.gain(value, self.optimum.truth[self.objective.metric])

    def _quality(self, params: Params) -> Mapping[str, float]:
        return {name: v for name in self.constraints if (v := self.surface.truth(params, name)) is not None}


@dataclass
class Trace:
    """One run of a search: (seconds, what it would have answered from then on), and what it spent in vain.

    `wasted_s` went into configurations that turned out not to run or not to meet the constraints.
    """

    answers: list[tuple[float, Params]] = field(default_factory=list)
    measured: int = 0
    wasted_s: float = 0.0
    end_s: float = 0.0

    def answer(self, at_s: float, params: Params) -> None:
        """From now on the answer is `params`."""
        if not self.answers or self.answers[-1][1] != params:
            self.answers.append((at_s, params))

    def at(self, time_s: float) -> Params | None:
        """The answer at that time."""
        return next((params for since_s, params in reversed(self.answers) if since_s <= time_s), None)

    def found_s(self, problem: Problem, end_s: float = math.inf) -> float:
        """Since when the answer has been near the optimum for good; infinite when it is not at the end.

        The end is the search's, or `end_s` where that is sooner.
        """
        found = math.inf
        for since_s, params in reversed([answer for answer in self.answers if answer[0] <= end_s]):
            if problem.regret(params) > NEAR:
                break
            found = since_s
        return found
