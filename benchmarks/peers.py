"""Other ways to search, on a recording: chance, what hydra-optuna-sweeper does, and hill climbing.

Each measures a configuration in the way that its users do: a process, one load, quality (kindly before anything else,
and only once for equal weights), a warm-up round and the mean of three rounds, whatever the first of them shows.
"""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.problem import Problem, Trace
from benchmarks.world import FailedError, World
from search_spaces.domains import values
from search_spaces.parameter import Params, Value
from tuner.core.params import key
from tuner.measure.round_metrics import round_metrics

ROUNDS = 3
RADIUS = 3
STEPS = (0.09, 0.3, 1.0)
"""How far hill climbing steps along a knob: one place, two or three, by the mean relative gain along it."""


@dataclass
class Bench:
    """Measures for one search, and keeps its best answer."""

    problem: Problem
    world: World
    trace: Trace = field(default_factory=Trace)
    scores: dict[str, float] = field(default_factory=dict)

    def measure(self, params: Params) -> float | None:
        """The objective turned so that more is better; None where it does not run or breaks a constraint."""
        begin = self.world.now
        value = self._value(params)
        self.trace.measured += 1
        if value is None:
            self.trace.wasted_s += self.world.now - begin
            return None
        name, score = key(params), value if self.problem.objective.maximize else -value
        if not self.scores or score > max(self.scores.values()):
            self.trace.answer(self.world.now, params)
        self.scores[name] = score
        return score

    def _value(self, params: Params) -> float | None:
        surface, metric = self.problem.surface, self.problem.objective.metric
        if key(params) not in surface.known and key(params) not in surface.failing:
            self.world.now += surface.refusal_s
            return None
        try:
            loaded = self.world.load(params)
        except FailedError:
            return None
        try:
            if not self.problem.feasible(self.world.judge(loaded.known.trial)):
                return None
            rounds = [loaded.round()[0] for _ in range(1 + ROUNDS)][1:]
            return statistics.fmean([round_metrics(surface.task, samples)[metric] for samples in rounds])
        finally:
            loaded.close()


def random_search(problem: Problem, seed: int, limit_s: float) -> Trace:
    """Valid configurations by chance, none twice."""
    bench, rng = Bench(problem, World(problem.surface, seed)), random.Random(seed)
    grid = [t.params for t in problem.surface.recording.trials]
    for params in rng.sample(grid, len(grid)):
        if bench.world.now >= limit_s:
            break
        bench.measure(params)
    return _ended(bench)


def optuna_tpe(problem: Problem, seed: int, limit_s: float) -> Trace:
    """Optuna's default TPE over all knobs, the score of what cannot be deployed told as zero, repeats and all."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    bench = Bench(problem, World(problem.surface, seed))
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    floor = 0.0 if problem.objective.maximize else None
    while bench.world.now < limit_s:
        trial = study.ask()
        chosen: dict[str, Value] = {}
        for knob in problem.space.parameters:
            if all(c.holds({**problem.space.fixed, **chosen}) for c in knob.when):
                chosen[knob.name] = _suggest(trial, knob.name, list(values(knob.domain)))
        score = bench.measure(problem.space.canonical(chosen))
        if score is None and floor is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, floor if score is None else score)
    return _ended(bench)


def _suggest(trial: Any, name: str, options: list[Value]) -> Value:
    if all(isinstance(v, int) and not isinstance(v, bool) for v in options):
        return options[int(trial.suggest_int(name, 0, len(options) - 1))]
    return options[int(trial.suggest_categorical(name, list(range(len(options)))))]


def hill_climbing(problem: Problem, seed: int, limit_s: float) -> Trace:
    """Hill climbing over the knobs' places, as the quick search of Triton Model Analyzer is documented.

    From home, here the default, a few places within a radius are measured, and home moves by the mean gain along each
    knob. Where that leads nowhere, all adjacent places are measured and home moves to the best; it ends where home is
    the best. There it begins anew, by chance, because time that is left would help no answer otherwise.
    """
    rng = random.Random(seed)
    climb = _Climb(Bench(problem, World(problem.surface, seed)), rng, limit_s)
    home = climb.place_of(problem.space.baseline)
    climb.bench.measure(problem.space.baseline)
    while not climb.is_over():
        climb.climb(home)
        home = tuple(rng.randrange(len(axis)) for axis in climb.axes)
    return _ended(climb.bench)


Place = tuple[int, ...]


class _Climb:
    def __init__(self, bench: Bench, rng: random.Random, limit_s: float) -> None:
        self.bench, self._rng, self._limit_s = bench, rng, limit_s
        self._space = bench.problem.space
        self.axes = [list(values(knob.domain)) for knob in self._space.parameters]
        self._scores: dict[Place, float | None] = {}

    def is_over(self) -> bool:
        return self.bench.world.now >= self._limit_s or len(self._scores) >= math.prod(len(a) for a in self.axes)

    def place_of(self, params: Params) -> Place:
        names = [knob.name for knob in self._space.parameters]
        return tuple(
            axis.index(params[n]) if params.get(n) in axis else 0 for n, axis in zip(names, self.axes, strict=True)
        )

    def score(self, place: Place) -> float | None:
        if place not in self._scores:
            chosen = {k.name: a[i] for k, a, i in zip(self._space.parameters, self.axes, place, strict=True)}
            self._scores[place] = self.bench.measure(self._space.canonical(chosen))
        return self._scores[place]

    def climb(self, home: Place) -> None:
        self.score(home)
        visited = {home}
        while not self.is_over():
            onward = self._fast_step(home)
            if onward in visited or self.score(onward) is None or not self._better(onward, home):
                onward = self._best_adjacent(home)
            if onward in visited:
                return
            visited.add(onward)
            home = onward

    def _better(self, place: Place, home: Place) -> bool:
        mine, its = self.score(place), self.score(home)
        return mine is not None and (its is None or mine > its)

    def _fast_step(self, home: Place) -> Place:
        around = [p for p in self._around(home, RADIUS) if p != home]
        chosen = self._rng.sample(around, min(len(self.axes), len(around)))
        base = self.score(home)
        gains = [0.0] * len(home)
        weights = [0.0] * len(home)
        for place in chosen:
            if self.is_over():
                break
            value = self.score(place)
            if value is None or base is None:
                continue
            for axis, (there, here) in enumerate(zip(place, home, strict=True)):
                if there != here:
                    gains[axis] += math.copysign(value / base - 1 if base > 0 else 1 - value / base, there - here)
                    weights[axis] += abs(there - here)
        moves = [g / w if w else 0.0 for g, w in zip(gains, weights, strict=True)]
        step = [int(math.copysign(sum(abs(m) > s for s in STEPS), m)) for m in moves]
        return self._clamped(h + s for h, s in zip(home, step, strict=True))

    def _best_adjacent(self, home: Place) -> Place:
        best = home
        for place in self._around(home, 1):
            if self.is_over():
                break
            if self._better(place, best):
                best = place
        return best

    def _around(self, home: Place, radius: int) -> list[Place]:
        """All places within the radius, by straight distance."""
        found = []
        for step in itertools.product(*(self._offsets(a, h, radius) for a, h in zip(self.axes, home, strict=True))):
            if sum(s * s for s in step) <= radius * radius:
                found.append(tuple(h + s for h, s in zip(home, step, strict=True)))
        return found

    def _offsets(self, axis: list[Value], here: int, radius: int) -> Iterable[int]:
        return range(max(-radius, -here), min(radius, len(axis) - 1 - here) + 1)

    def _clamped(self, place: Iterable[int]) -> Place:
        return tuple(min(max(p, 0), len(a) - 1) for p, a in zip(place, self.axes, strict=True))


def _ended(bench: Bench) -> Trace:
    bench.trace.end_s = bench.world.now
    return bench.trace


Strategy = Callable[[Problem, int, float], Trace]
