"""Warm up, measure rounds, repeat the disturbed ones, and turn them into metrics with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from engines.base import Metric, Sample
from tuner.core.metrics import METRICS
from tuner.core.stats import geometric_mean, interval
from tuner.core.trial import MetricValue
from tuner.measure.host.energy import energy_joules
from tuner.measure.host.host_noise import HostNoise, NoiseWatch
from tuner.measure.pruning import Decision, Pruner
from tuner.measure.round_metrics import round_metrics
from tuner.measure.worker_process import Worker

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
    """Runs the rounds of one opened worker."""

    task: str
    metric: str
    timeout_s: float
    allowance: RepeatAllowance
    on_round: Callable[[int, float | None], None] = field(default=lambda rounds, value: None)
    time_is_up: Callable[[], bool] = field(default=lambda: False)
    own: Sequence[Metric] = ()
    """What the engine yields beside the metrics of its task."""

    def one_round(self, worker: Worker, timeout_s: float | None = None, deadline_s: float | None = None) -> Round:
        """One round with its noise. Raises WorkerFailedError, InvalidOutputError."""
        watch, energy_before = NoiseWatch(worker.pid), energy_joules()
        answer = worker.ask("round", timeout_s or self.timeout_s, deadline_s=deadline_s)
        noise, energy_after = watch.stop(answer["cpu_s"]), energy_joules()
        samples = tuple(sample_from_json(s) for s in answer["samples"])
        metrics = round_metrics(self.task, samples, self.own)
        if energy_before is not None and energy_after is not None and energy_after > energy_before:
            metrics["energy_j_per_unit"] = (energy_after - energy_before) / sum(s.units_out for s in samples)
        self.allowance.rounds += 1
        return Round(
            samples, metrics, noise, answer["rss_peak_mib"], answer["wall_s"],
            "disturbed" if noise.disturbed else "measured",
        )  # fmt: skip

    def warm_up(self, worker: Worker, whole: bool) -> None:
        """Run a `whole` pass, or else its first item, for nothing but what comes after it."""
        worker.ask("round", self.timeout_s, deadline_s=None if whole else 0.0)

    def measure(self, worker: Worker, pruner: Pruner, compiles_lazily: bool = False) -> Measurement:
        """Warm-up and rounds until the race says so or the time is up. The race sees the metric that is raced.

        What `compiles_lazily` has all of its first pass, which is not held against it.
        """
        timeout_s = pruner.timeout_s(self.timeout_s)
        limits = (self.timeout_s, None) if compiles_lazily else (timeout_s, pruner.deadline_s)
        first = self.one_round(worker, *limits)
        rounds = [_as_warm_up(first)]
        tells = not (first.noise.disturbed or compiles_lazily)
        decision: Decision = pruner.after_warm_up(self._value(first)) if tells else "go_on"
        while decision == "go_on":
            late = self._late(rounds, pruner)
            current = self.one_round(worker, timeout_s)
            if not late and self._still_warming(rounds, current):
                rounds.append(_as_warm_up(current))
                continue
            rounds.append(current)
            decision = self._decide(rounds, pruner)
            counted = Measurement(tuple(rounds)).used
            self.on_round(len(counted), geometric_mean([self._value(r) for r in counted]))
        return Measurement(tuple(rounds), decision == "pruned")

    def _decide(self, rounds: Sequence[Round], pruner: Pruner) -> Decision:
        quiet = [r for r in rounds if r.kind == "measured"]
        noisy = [r for r in rounds if r.kind == "disturbed"]
        late = self._late(rounds, pruner)
        if rounds[-1].kind == "disturbed" and not late and self.allowance.take():
            return "go_on"
        disturbed = not quiet and (len(noisy) > 1 or late)
        decision = pruner.after_round([self._value(r) for r in (noisy if disturbed else quiet)], disturbed)
        if decision == "go_on" and (len(quiet) + len(noisy) >= pruner.rounds_most or late):
            return "enough"
        return decision

    def _late(self, rounds: Sequence[Round], pruner: Pruner) -> bool:
        return sum(r.wall_s for r in rounds) > pruner.time_most_s or self.time_is_up()

    def _still_warming(self, rounds: Sequence[Round], current: Round) -> bool:
        """The first rounds count once two of them agree."""
        if len(rounds) >= WARM_UP_ROUNDS_MOST or rounds[-1].kind != "warm_up":
            return False
        low, high = sorted((self._value(rounds[-1]), self._value(current)))
        return current.kind == "measured" and low < high * (1 - WARM_UP_AGREEMENT)

    def _value(self, measured: Round) -> float:
        return measured.metrics[self.metric]


def sample_from_json(document: Mapping[str, Any]) -> Sample:
    """A Sample from its `dataclasses.asdict`."""
    return Sample(**{**document, "output_times_s": tuple(document["output_times_s"])})


def _as_warm_up(measured: Round) -> Round:
    return Round(measured.samples, measured.metrics, measured.noise, measured.rss_peak_mib, measured.wall_s, "warm_up")


def _round_json(measured: Round, seen: set[str]) -> dict[str, Any]:
    document = asdict(measured)
    document["metrics"] = {name: round(value, 6) for name, value in measured.metrics.items()}
    for sample in document["samples"]:
        sample["output_times_s"] = [round(t, 6) for t in sample["output_times_s"]]
        if sample["item_id"] in seen:
            del sample["output"]
        seen.add(sample["item_id"])
    return document
