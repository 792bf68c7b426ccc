"""A recorded machine with a clock of its own: measures configurations as they were recorded, in no real time.

A round is the configuration's mean round, disturbed by what one recorded round (of any configuration with the same
threads, because more threads mean more noise) differed from the mean of its own. The truth about a configuration is
its mean round; where measurements of one configuration differ much, it is what `smooth.py` makes of the whole grid,
and what that left over for configurations with the same threads disturbs each load, anew every few seconds.
"""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from benchmarks.recording import ROUND_METRICS, RecordedItem, RecordedRound, RecordedTrial, Recording, RecordingError
from benchmarks.smooth import fit
from engines.base import Sample
from search_spaces.parameter import Params, Value
from tuner.core.params import key
from tuner.measure.host.host_noise import HostNoise
from tuner.measure.round_metrics import round_metrics

OVERHEAD_S = 0.05
"""Charged for every measured configuration, whoever asks for it: writing and logging its result."""


@dataclass(frozen=True)
class Residual:
    """By how much a round was slower than the mean of its configuration, in logarithms, and the host's noise in it."""

    decode: float
    prefill: float
    noise: HostNoise


SEVERAL = 2
"""Threads from which a machine that switches is felt."""
LOADS_DIFFER = 0.02
"""Standard deviation of the logarithm from load to load above which single measurements are smoothed."""
BIAS_S = 5.0
"""How long a bias lasts. Within the seconds of one trial rounds agree to 2 %, where rounds that are spread over half a
minute in one process differ by 4 to 7 %."""


@dataclass(frozen=True)
class Bias:
    """By how much a load, or a few seconds of it, is slower than the mean, in logarithms."""

    decode: float = 0.0
    prefill: float = 0.0


@dataclass(frozen=True)
class Switching:
    """A machine that is faster or slower for seconds at a time, for what uses several threads.

    A virtual machine's cores move. `by` is the logarithm of how much faster or slower than their mean they are, and
    `dwell_s` for how long at the least and at the most.
    """

    by: float
    dwell_s: tuple[float, float]


@dataclass(frozen=True)
class Known:
    """A configuration that runs: its mean round and the time of a mean round that is not spent on items."""

    trial: RecordedTrial
    items: tuple[RecordedItem, ...]
    other_s: float
    task: str

    @cached_property
    def truth(self) -> Mapping[str, float]:
        """Its metrics without noise."""
        return {**round_metrics(self.task, [i.sample(str(n)) for n, i in enumerate(self.items)]), **self.trial.quality}


class Surface:
    """What a recording says about every configuration and about noise; shared by all worlds made of it.

    `switching` is how the machine changes its speed, if it does, which no recording tells. Unless it is `smoothed`, the
    truth about a configuration is the one process that was recorded, whatever luck that had.
    """

    def __init__(self, recording: Recording, switching: Switching | None = None, smoothed: bool = True) -> None:
        self.switching = switching
        self.recording, self.task = recording, str(recording.setting["task"])
        running = [t for t in (*recording.repeats[:1], *recording.trials) if _runs(t)]
        self.known = {key(t.params): _known(t, self.task) for t in running}
        self.failing = {key(t.params): t for t in recording.trials if not _runs(t)}
        self.rounds: dict[tuple[Value, ...], list[Residual]] = {}
        self.warm_ups: dict[tuple[Value, ...], list[Residual]] = {}
        for known in self.known.values():
            group = threads_of(known.trial.params)
            self.rounds.setdefault(group, []).extend(_residuals(known, known.trial.rounds[1:]))
            self.warm_ups.setdefault(group, []).append(_residual(known, known.trial.rounds[0]))
        self.load_spread = _load_spread([_known(t, self.task) for t in recording.repeats if _runs(t)])
        self.biases: dict[tuple[Value, ...], list[Bias]] = {
            threads_of(k.trial.params): [Bias()] for k in self.known.values()
        }
        if smoothed and self.load_spread > LOADS_DIFFER:
            self._smooth()
        # Quality is judged once for each value of the knobs behind it: what that took is with one trial of them.
        self.quality_s: dict[tuple[tuple[str, float], ...], float] = {}
        for trial in (*recording.repeats, *recording.trials):
            judged = quality_key(trial)
            self.quality_s[judged] = max(self.quality_s.get(judged, 0.0), trial.quality_s)

    def _smooth(self) -> None:
        names = list(self.known)
        times = np.log([[_total(k.items, prefill) for prefill in (False, True)] for k in self.known.values()])
        quiet = [_was_quiet(self.known[name].trial) for name in names]
        smoothed = fit([self.known[name].trial.params for name in names], times, quiet)
        for name, was, now in zip(names, times, smoothed.fitted, strict=True):
            known = self.known[name]
            change = Bias(float(now[0] - was[0]), float(now[1] - was[1]))
            self.known[name] = replace(known, items=tuple(_slowed(i, change) for i in known.items))
        self.biases = {}
        for name, (decode, prefill) in zip(itertools.compress(names, quiet), smoothed.left, strict=True):
            group = threads_of(self.known[name].trial.params)
            self.biases.setdefault(group, []).append(Bias(float(decode), float(prefill)))

    @cached_property
    def exhaustive_s(self) -> float:
        """What measuring every configuration takes."""
        return self.recording.exhaustive_s + OVERHEAD_S * len(self.recording.trials)

    @cached_property
    def refusal_s(self) -> float:
        """What a combination costs that the engine refuses to load."""
        return statistics.median(t.start_s + t.load_s for t in self.recording.trials)

    def truth(self, params: Params, name: str) -> float | None:
        """A metric without noise; None where the configuration does not run."""
        known = self.known.get(key(params))
        return known.truth.get(name) if known else None

    def optimum(self, name: str, maximize: bool, feasible: Callable[[Mapping[str, float]], bool]) -> Known:
        """The best configuration of the grid that runs and is feasible. Raises RecordingError when there is none."""
        grid = [k for t in self.recording.trials if (k := self.known.get(key(t.params)))]
        able = [k for k in grid if feasible(k.trial.quality)]
        if not able:
            raise RecordingError(f"nothing in {self.recording.name} meets the constraints")
        return (max if maximize else min)(able, key=lambda k: k.truth[name])


def threads_of(params: Params) -> tuple[Value, ...]:
    """What noise depends on most."""
    return tuple(params[name] for name in ("n_threads", "n_threads_batch") if name in params)


def quality_key(trial: RecordedTrial) -> tuple[tuple[str, float], ...]:
    """Configurations with the same quality were judged once."""
    return tuple(sorted(trial.quality.items()))


Drawn = TypeVar("Drawn")


class FailedError(Exception):
    """A configuration that does not run, with the recorded status and reason."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class World:
    """One replay: a clock that starts at 0, and chance."""

    def __init__(self, surface: Surface, seed: int) -> None:
        self.surface = surface
        self.now = 0.0
        self._rng = random.Random(seed)
        self._judged: set[tuple[tuple[str, float], ...]] = set()
        self._slow, self._until_s = self._rng.random() < 0.5, 0.0

    def slowdown(self, params: Params) -> float:
        """By how much what uses several threads is slower now, as a logarithm; 0 on a machine that does not switch."""
        switching = self.surface.switching
        if switching is None or int(params.get("n_threads", 1)) < SEVERAL:
            return 0.0
        while self.now >= self._until_s:
            self._slow, self._until_s = not self._slow, self._until_s + self._rng.uniform(*switching.dwell_s)
        return switching.by if self._slow else -switching.by

    def clock(self) -> float:
        """Seconds since the start of the replay."""
        return self.now

    def load(self, params: Params) -> Process:
        """A process with `params` loaded. Raises FailedError, and KeyError for what is not in the recording."""
        self.now += OVERHEAD_S
        name = key(params)
        if failing := self.surface.failing.get(name):
            self.now += failing.start_s + failing.load_s
            raise FailedError(failing.status, failing.reason)
        known = self.surface.known[name]
        self.now += known.trial.start_s + known.trial.load_s
        return Process(self, known)

    def judge(self, trial: RecordedTrial) -> dict[str, float]:
        """The quality, for the time that judging takes the first time."""
        judged = quality_key(trial)
        if judged not in self._judged:
            self.now += self.surface.quality_s[judged]
            self._judged.add(judged)
        return dict(trial.quality)

    def draw(self, pool: Sequence[Drawn]) -> Drawn:
        """One of them."""
        return self._rng.choice(pool)


class Process:
    """One loaded configuration."""

    def __init__(self, world: World, known: Known) -> None:
        self._world, self.known = world, known
        self._group = threads_of(known.trial.params)
        self._biases = world.surface.biases[self._group]
        self._bias, self._bias_since_s = world.draw(self._biases), world.now
        self._warm = False

    def round(self, deadline_s: float | None = None) -> tuple[list[Sample], float, HostNoise]:
        """The samples of one pass, its wall time and its noise; no item is begun after `deadline_s`."""
        surface = self._world.surface
        residual = self._world.draw((surface.rounds if self._warm else surface.warm_ups)[self._group])
        self._warm = True
        if self._world.now - self._bias_since_s > BIAS_S:
            self._bias, self._bias_since_s = self._world.draw(self._biases), self._world.now
        state = self._world.slowdown(self.known.trial.params)
        slower = Bias(residual.decode + self._bias.decode + state, residual.prefill + self._bias.prefill + state)
        samples: list[Sample] = []
        wall_s = self.known.other_s
        for number, item in enumerate(self.known.items):
            slowed = _slowed(item, slower)
            samples.append(slowed.sample(f"item-{number}"))
            wall_s += slowed.done_s
            if deadline_s is not None and wall_s > deadline_s:
                break
        self._world.now += wall_s
        return samples, wall_s, residual.noise

    def close(self) -> None:
        """End the process."""
        self._world.now += self.known.trial.end_s


def _runs(trial: RecordedTrial) -> bool:
    return trial.status == "ok" and len(trial.rounds) > 1


def _was_quiet(trial: RecordedTrial) -> bool:
    """Whether some measured round was undisturbed."""
    return any(not r.noise.disturbed for r in trial.rounds[1:])


def _known(trial: RecordedTrial, task: str) -> Known:
    measured = trial.rounds[1:]
    counted = [r for r in measured if not r.noise.disturbed] or measured
    items = tuple(_mean_item([r.items[n] for r in counted]) for n in range(len(counted[0].items)))
    other_s = statistics.median(r.wall_s - sum(i.done_s for i in r.items) for r in counted)
    return Known(trial, items, max(0.0, other_s), task)


def _mean_item(items: Sequence[RecordedItem]) -> RecordedItem:
    first = statistics.geometric_mean([i.first_s for i in items])
    span = statistics.geometric_mean([max(i.last_s - i.first_s, 1e-9) for i in items])
    tail = statistics.fmean([max(0.0, i.done_s - i.last_s) for i in items])
    return RecordedItem(first, first + span, first + span + tail, items[0].units_in, items[0].units_out)


def _total(items: Sequence[RecordedItem], prefill: bool) -> float:
    """Seconds until first tokens, or from there to the last."""
    return sum(i.first_s if prefill else i.last_s - i.first_s for i in items)


def _slowed(item: RecordedItem, by: Bias) -> RecordedItem:
    first = math.exp(by.prefill) * item.first_s
    last = first + math.exp(by.decode) * (item.last_s - item.first_s)
    return replace(item, first_s=first, last_s=last, done_s=last + item.done_s - item.last_s)


def _residual(known: Known, measured: RecordedRound) -> Residual:
    decode, prefill = (math.log(_total(measured.items, p) / _total(known.items, p)) for p in (False, True))
    return Residual(decode, prefill, measured.noise)


def _residuals(known: Known, rounds: Sequence[RecordedRound]) -> list[Residual]:
    """Of the measured rounds. Few rounds lie closer to their own mean than to the true one, which is made up for."""
    found = [_residual(known, r) for r in rounds]
    quiet = sum(not r.noise.disturbed for r in rounds) or len(rounds)
    widen = math.sqrt(quiet / (quiet - 1)) if quiet > 1 else 1.0
    return [replace(r, decode=widen * r.decode, prefill=widen * r.prefill) for r in found]


def _load_spread(repeats: Sequence[Known]) -> float:
    """Standard deviation, in logarithms, from load to load of one configuration, without that from round to round."""
    if len(repeats) < 3:
        return 0.0
    name = ROUND_METRICS[0]
    between = statistics.variance([math.log(k.truth[name]) for k in repeats])
    within = [
        statistics.variance(logs) / len(logs)
        for k in repeats
        if len(logs := [math.log(r.metrics[name]) for r in k.trial.rounds[1:] if not r.noise.disturbed]) > 1
    ]
    return math.sqrt(max(0.0, between - (statistics.fmean(within) if within else 0.0)))
