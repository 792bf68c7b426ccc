"""What a system's owner asks for, and whether a measurement meets it. Targets inform; they never bind the search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Ge

from search_spaces.errors import TunerError, unknown_name
from tuner.core.documents import load
from tuner.core.metrics import metric, metrics_of
from tuner.core.trial import MetricValue

NO_WORSE_TOLERANCE = 0.01
"""How much worse than the baseline's a quality metric may be and still count as no worse: 1 %."""

_FORM = "see conf/targets/jane.yaml for the form"
_LIMITS = ("below", "above", "at_most", "at_least", "between", "reduce_by", "increase_by")


@dataclass(frozen=True)
class Target:
    """One wish: exactly one of `_LIMITS`, on `metric`, in the source's own words.

    Limits are in the metric's unit; `between` is met beyond its better end too. `reduce_by` and `increase_by` are
    shares of the baseline's value (0.3 is 30 %); `no_worse` names metrics that must not be worse than the baseline's.
    `workload` restricts the target to runs of that workload.
    """

    task: str
    metric: str
    source: str = ""
    workload: str = ""
    below: float | None = None
    above: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    between: tuple[float, float] | None = None
    reduce_by: float | None = None
    increase_by: float | None = None
    no_worse: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Which of the limits is set."""
        return next(name for name in _LIMITS if getattr(self, name) is not None)

    def limit(self, baseline: float | None) -> float | None:
        """The value to reach, in the metric's unit; None for a relative target without a baseline."""
        given = getattr(self, self.kind)
        if self.kind == "between":
            return float(given[1] if metric(self.metric).direction == "minimize" else given[0])
        if self.kind in ("reduce_by", "increase_by"):
            if baseline is None:
                return None
            return float(baseline * (1 - given if self.kind == "reduce_by" else 1 + given))
        return float(given)

    def words(self) -> str:
        """The target as a reader of a table expects it: `60–120 tok/s`, `< 500 ms`, `−30 % (wer no worse)`."""
        given, unit = getattr(self, self.kind), metric(self.metric).unit
        text = {
            "below": lambda: f"< {given:g} {unit}",
            "above": lambda: f"> {given:g} {unit}",
            "at_most": lambda: f"≤ {given:g} {unit}",
            "at_least": lambda: f"≥ {given:g} {unit}",
            "between": lambda: f"{given[0]:g}–{given[1]:g} {unit}",
            "reduce_by": lambda: f"−{given * 100:g} %",
            "increase_by": lambda: f"+{given * 100:g} %",
        }[self.kind]()
        return f"{text.strip()} ({', '.join(self.no_worse)} no worse)" if self.no_worse else text.strip()


@dataclass(frozen=True)
class TargetPreset:
    """A named table of targets, of which any task and workload finds its own."""

    targets: tuple[Target, ...] = ()
    title: str = ""
    name: str = ""

    def concerning(self, task: str, workload: str) -> TargetPreset:
        """The preset with the targets of other tasks and workloads left out."""
        kept = tuple(t for t in self.targets if t.task == task and t.workload in ("", workload))
        return replace(self, targets=kept)


@dataclass(frozen=True)
class TargetVerdict:
    """What became of one target. `target` is the value to reach (of a range its nearer end), `wanted` says it in words.

    `target` is None for a relative target without a baseline. `met` is None where the metric was not measured, where a
    relative target has no baseline, and where the value is too noisy to tell: its 95 % interval `ci95` holds the
    target. `gap` is the factor by which the value misses its limit (RTF 3.77 against < 1.0: 3.77), None unless the
    target is missed by its own metric.
    """

    metric: str
    target: float | None
    value: float | None
    met: bool | None
    gap: Annotated[float, Ge(1)] | None
    wanted: str = ""
    unit: str = ""
    source: str = ""
    ci95: tuple[float, float] | None = None

    @property
    def too_noisy(self) -> bool:
        """Whether the value may be on either side of the target."""
        return self.target is not None and self.ci95 is not None and self.ci95[0] <= self.target <= self.ci95[1]


def read_targets(document: object, name: str) -> TargetPreset:
    """The preset that the data of a file holds. Raises TunerError naming what is not sound in it."""
    where = f"targets {name!r}"
    try:
        preset = replace(load(TargetPreset, document, where), name=name)
    except TunerError as error:
        raise TunerError(error.message, error.hint or _FORM) from None
    for at, target in enumerate(preset.targets):
        _check(target, f"{where}.targets[{at}]")
    return preset


def _check(target: Target, where: str) -> None:
    given = [name for name in _LIMITS if getattr(target, name) is not None]
    if len(given) != 1:
        raise TunerError(
            f"{where}: has {' and '.join(given) or 'no limit'}", f"give exactly one of {', '.join(_LIMITS)}"
        )
    if target.between is not None and target.between[0] > target.between[1]:
        raise TunerError(f"{where}.between: {list(target.between)} is empty", "give [LOW, HIGH]")
    known = metrics_of(target.task)
    for name in (target.metric, *target.no_worse):
        if name not in known:
            error = unknown_name(f"metric of {target.task!r}", name, known)
            raise TunerError(f"{where}: {error.message}", error.hint)


def judge(
    targets: Sequence[Target],
    metrics: Mapping[str, MetricValue | float],
    baseline: Mapping[str, MetricValue | float] | None = None,
) -> tuple[TargetVerdict, ...]:
    """The verdict on each target, from what was measured of a configuration and of the baseline."""
    values, reference = _numbers(metrics), _numbers(baseline or {})
    intervals = {name: m.ci95 if isinstance(m, MetricValue) else None for name, m in metrics.items()}
    return tuple(_verdict(t, values, reference, intervals.get(t.metric)) for t in targets)


def _numbers(metrics: Mapping[str, MetricValue | float]) -> dict[str, float]:
    return {name: m.value if isinstance(m, MetricValue) else float(m) for name, m in metrics.items()}


def _verdict(
    target: Target, metrics: Mapping[str, float], baseline: Mapping[str, float], ci95: tuple[float, float] | None
) -> TargetVerdict:
    value, of = metrics.get(target.metric), metric(target.metric)
    limit = target.limit(baseline.get(target.metric))
    open_yet = TargetVerdict(target.metric, limit, value, None, None, target.words(), of.unit, target.source, ci95)
    if value is None or limit is None or open_yet.too_noisy:
        return open_yet
    if not _reached(target.kind, of.direction == "minimize", value, limit):
        return replace(open_yet, met=False, gap=_factor(value, limit))
    return replace(open_yet, met=_kept(target.no_worse, metrics, baseline) if target.no_worse else True)


def _reached(kind: str, less_is_better: bool, value: float, limit: float) -> bool:
    if kind == "below":
        return value < limit
    if kind == "above":
        return value > limit
    if kind in ("at_most", "reduce_by") or (kind == "between" and less_is_better):
        return value <= limit
    return value >= limit


def _factor(value: float, limit: float) -> float | None:
    """How many times too large or too small `value` is; None where no factor would fix it."""
    if value <= 0 or limit <= 0:
        return None
    return max(value / limit, limit / value)


def _kept(names: Sequence[str], metrics: Mapping[str, float], baseline: Mapping[str, float]) -> bool | None:
    """Whether each of `names` is no worse than the baseline's; None when one of them was not measured on both sides."""
    if any(name not in metrics or name not in baseline for name in names):
        return None
    for name in names:
        worse = metrics[name] - baseline[name]
        if metric(name).direction == "maximize":
            worse = -worse
        if worse > NO_WORSE_TOLERANCE * abs(baseline[name]):
            return False
    return True
