"""An executor that measures by a script, by a clock of its own: nothing runs, and nothing depends on the machine."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tuner.core.metrics import METRICS
from tuner.core.trial import MetricValue, TrialResult, TrialSpec, TrialStatus
from tuner.measure.host.host_noise import HostNoise, summary
from tuner.measure.measurement import ignore_rounds
from tuner.measure.plan import MeasurementPlan

SPEED = "decode_tokens_per_second"


def quiet(run: int) -> bool:
    return False


@dataclass
class FakeExecutor:
    """`script` is told a trial's number and how often it ran before, and gives what it measures.

    That is the value of `metric`, several metrics by name, or the reason of a failure. `disturbed` is told the number
    of the run. Each run takes `run_s` seconds of the executor's own time.
    """

    script: Callable[[int, int], float | Mapping[str, float] | str]
    metric: str = SPEED
    disturbed: Callable[[int], bool] = quiet
    run_s: float = 1.0
    now: float = 0.0
    engine_s: float = 0.0
    runs: list[tuple[TrialSpec, MeasurementPlan]] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def numbers(self) -> list[int]:
        """The trials that ran, in order."""
        return [_number(spec) for spec, _ in self.runs]

    def known_infeasible(self, params) -> str:
        return ""

    def run(self, spec: TrialSpec, plan: MeasurementPlan, on_round=ignore_rounds) -> TrialResult:
        before = self.numbers().count(_number(spec))
        told = self.script(_number(spec), before)
        noise = HostNoise(others_cores=1.0 * self.disturbed(len(self.runs)))
        self.runs.append((spec, plan))
        self.now += self.run_s
        about = {"purpose": spec.purpose, "repeat_of": spec.repeat_of, "wall_s": self.run_s}
        if isinstance(told, str):
            return TrialResult(spec.number, spec.params, TrialStatus.CRASHED, told, **about)
        load = {"load_s" if plan.cold_load else "load_cached_s": 0.5, "rss_peak_mib": 100.0, "model_mib": 10.0}
        values = {**load, **(told if isinstance(told, Mapping) else {self.metric: told})}
        metrics = {name: MetricValue(value, None, METRICS[name].unit) for name, value in values.items()}
        shares = {**summary([noise]), "used_disturbed_share": 1.0 * noise.disturbed}
        return TrialResult(
            spec.number, spec.params, TrialStatus.OK, metrics=metrics, rounds=1, host_noise=shares, **about
        )


def noisy(values: Mapping[int, float], noise: float = 0.0, seed: int = 0) -> Callable[[int, int], float]:
    """A script: each trial's value with noise (standard deviation of the logarithm), the same for the same run."""

    def script(number: int, run: int) -> float:
        return values[number] * random.Random(f"{seed} {number} {run}").lognormvariate(0.0, noise)

    return script


def _number(spec: TrialSpec) -> int:
    return spec.number if spec.repeat_of is None else spec.repeat_of
