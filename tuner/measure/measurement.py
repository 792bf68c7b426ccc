"""Warm up, measure rounds, repeat the disturbed ones, and turn them into metrics with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from engines.base import Metric, Sample
from tuner.core.metrics import METRICS
from tuner.core.stats import geometric_mean, interval
from tuner.core.trial import MetricValue
from tuner.measure.host.host_noise import HostNoise
from tuner.measure.loaded import Loaded
from tuner.measure.plan import MeasurementPlan
from tuner.measure.pruning import Pruner, RoundDecision
from tuner.measure.round_metrics import round_metrics

OnRound = Callable[[int, float | None], None]
"""Told after each round of a run how many rounds count so far, and the mean of what they are compared by."""


def ignore_rounds(rounds: int, value: float | None) -> None:
    """Nobody wants to know."""


WARM_UP_AGREEMENT = 0.10
"""Two rounds that agree to this share of each other end the warm-up: the second of them is the first measured one."""
WARM_UP_ROUNDS_MOST = 3


@dataclass(frozen=True)
class Round:
    """One pass over the workload. `kind` says what became of it."""

    samples: tuple[Sample, ...]
    metrics: Mapping[str, float]
    noise: HostNoise
    rss_peak_mib: float
    wall_s: float
    kind: Literal["warm_up", "measured", "disturbed"] = "measured"


@dataclass(frozen=True)
class Measurement:
    """The rounds of one configuration in the order in which they ran."""

    rounds: tuple[Round, ...]
    pruned: bool = False

    @property
    def used(self) -> tuple[Round, ...]:
        """The rounds that count: undisturbed ones where there are any, else all but the warm-up, else the warm-up."""
        for kinds in (("measured",), ("disturbed",), ("warm_up",)):
            if chosen := tuple(r for r in self.rounds if r.kind in kinds):
                return chosen
        return ()

    def metrics(self) -> dict[str, MetricValue]:
        """Each metric's geometric mean over the rounds that count, with its 95 % interval."""
        used = self.used
        names = [name for name in METRICS if all(name in r.metrics for r in used)]
        return {name: summarise(name, [r.metrics[name] for r in used]) for name in names}

    def to_json(self) -> dict[str, Any]:
        """The raw samples; the text of an item's output is kept once."""
        seen: set[str] = set()
        return {"rounds": [_round_json(r, seen) for r in self.rounds], "pruned": self.pruned}


def summarise(name: str, values: Sequence[float]) -> MetricValue:
    """The geometric mean of a metric's values over rounds, with its interval and unit."""
    return MetricValue(geometric_mean(values), interval(values), METRICS[name].unit)


@dataclass
class RepeatAllowance:
    """How many disturbed rounds may be measured again: a few at first, then a tenth of all rounds.

    On a machine that is never quiet repeating would only double the time; there the tournament's pairs decide.
    """

    rounds: int = 0
    repeated: int = 0
    least: int = 6
    share: float = 0.10

    def take(self) -> bool:
        """Whether one more round may be repeated; counts it."""
        if self.repeated >= max(self.least, self.share * self.rounds):
            return False
        self.repeated += 1
        return True


@dataclass
class Measurer:
    """Runs the rounds of one loaded configuration.

    `metric` is what rounds are compared by. `on_round` is told how many rounds count so far, and their mean.
    """

    loaded: Loaded
    task: str
    metric: str
    timeout_s: float
    allowance: RepeatAllowance
    on_round: OnRound = ignore_rounds
    time_is_up: Callable[[], bool] = lambda: False
    own: Sequence[Metric] = ()
    """What the engine yields beside the metrics of its task."""

    def measure(self, plan: MeasurementPlan, compiles_lazily: bool = False) -> Measurement:
        """Warm-up and rounds until the pruner says so or the time is up. The pruner sees the metric that is compared.

        What `compiles_lazily` has all of its first pass, which is not held against it. Raises RunFailedError,
        InvalidOutputError.
        """
        rounds: list[Round] = []
        decision: RoundDecision = "go_on"
        if plan.warm_up == "until_steady" or (plan.warm_up == "brief" and compiles_lazily):
            decision = self._first_round(rounds, plan.pruner, compiles_lazily)
        else:
            whole = compiles_lazily or plan.warm_up == "whole_pass"
            self.loaded.run_pass(self.timeout_s, None if whole else 0.0)
            if plan.warm_up == "brief":
                decision = self._round_by_the_deadline(rounds, plan)
        timeout_s = plan.pruner.timeout_s(self.timeout_s)
        while decision == "go_on":
            late = self._late(rounds, plan.pruner)
            current = self.one_round(timeout_s)
            if not late and self._still_warming(rounds, current):
                rounds.append(replace(current, kind="warm_up"))
                continue
            decision = self._counted(rounds, current, plan)
        return Measurement(tuple(rounds), decision == "pruned")

    def one_round(self, timeout_s: float, deadline_s: float | None = None) -> Round:
        """One pass with its metrics. Raises RunFailedError, InvalidOutputError."""
        measured = self.loaded.run_pass(timeout_s, deadline_s)
        samples = tuple(measured.samples)
        metrics = round_metrics(self.task, samples, self.own)
        if measured.energy_j is not None:
            metrics["energy_j_per_unit"] = measured.energy_j / sum(s.units_out for s in samples)
        self.allowance.rounds += 1
        kind: Literal["disturbed", "measured"] = "disturbed" if measured.noise.disturbed else "measured"
        return Round(samples, metrics, measured.noise, measured.rss_peak_mib, measured.wall_s, kind)

    def _first_round(self, rounds: list[Round], pruner: Pruner, compiles_lazily: bool) -> RoundDecision:
        limits = (pruner.timeout_s(self.timeout_s), pruner.deadline_s)
        first = self.one_round(*((self.timeout_s, None) if compiles_lazily else limits))
        rounds.append(replace(first, kind="warm_up"))
        tells = not (first.noise.disturbed or compiles_lazily)
        return pruner.after_warm_up(self._value(first)) if tells else "go_on"

    def _round_by_the_deadline(self, rounds: list[Round], plan: MeasurementPlan) -> RoundDecision:
        """The first round after a brief warm-up: it counts, unless it took too long to be gone through with."""
        deadline_s = plan.pruner.deadline_s
        first = self.one_round(plan.pruner.timeout_s(self.timeout_s), deadline_s)
        if deadline_s is None or first.wall_s <= deadline_s:
            return self._counted(rounds, first, plan)
        rounds.append(replace(first, kind="warm_up"))
        return "go_on" if first.noise.disturbed else plan.pruner.after_warm_up(self._value(first))

    def _counted(self, rounds: list[Round], current: Round, plan: MeasurementPlan) -> RoundDecision:
        rounds.append(current)
        decision = self._decide(rounds, plan)
        counted = Measurement(tuple(rounds)).used
        self.on_round(len(counted), geometric_mean([self._value(r) for r in counted]))
        return decision

    def _decide(self, rounds: Sequence[Round], plan: MeasurementPlan) -> RoundDecision:
        quiet = [r for r in rounds if r.kind == "measured"]
        noisy = [r for r in rounds if r.kind == "disturbed"]
        late = self._late(rounds, plan.pruner)
        again = plan.repeat_disturbed == "same_process" and not late
        if rounds[-1].kind == "disturbed" and again and self.allowance.take():
            return "go_on"
        disturbed = not quiet and (len(noisy) > 1 or late)
        decision = plan.pruner.after_round([self._value(r) for r in (noisy if disturbed else quiet)], disturbed)
        if decision == "go_on" and (len(quiet) + len(noisy) >= plan.pruner.rounds_most or late):
            return "enough"
        return decision

    def _late(self, rounds: Sequence[Round], pruner: Pruner) -> bool:
        return sum(r.wall_s for r in rounds) > pruner.time_most_s or self.time_is_up()

    def _still_warming(self, rounds: Sequence[Round], current: Round) -> bool:
        """The first rounds count once two of them agree."""
        if not rounds or len(rounds) >= WARM_UP_ROUNDS_MOST or rounds[-1].kind != "warm_up":
            return False
        low, high = sorted((self._value(rounds[-1]), self._value(current)))
        return current.kind == "measured" and low < high * (1 - WARM_UP_AGREEMENT)

    def _value(self, measured: Round) -> float:
        return measured.metrics[self.metric]


def _round_json(measured: Round, seen: set[str]) -> dict[str, Any]:
    document = asdict(measured)
    document["metrics"] = {name: round(value, 6) for name, value in measured.metrics.items()}
    for sample in document["samples"]:
        sample["output_times_s"] = [round(t, 6) for t in sample["output_times_s"]]
        if sample["item_id"] in seen:
            del sample["output"]
        seen.add(sample["item_id"])
    return document
