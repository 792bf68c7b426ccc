"""What a system's owner asks for, and whether a measurement meets it. Targets inform; they never bind the search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from search_spaces.errors import TunerError, unknown_name
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


def parse_targets(document: Mapping[str, Any]) -> tuple[Target, ...]:
    """The targets of a preset `{name, title, targets}`. Raises TunerError naming what is not sound in it."""
    origin = f"targets {document.get('name', '')!r}"
    _known_keys(document, {"name", "title", "targets"}, origin)
    entries = document.get("targets") or []
    if not isinstance(entries, list):
        raise TunerError(f"{origin}: targets must be a list", _FORM)
    return tuple(_target(entry, f"{origin}, number {n}") for n, entry in enumerate(entries, 1))


def concerning(document: Mapping[str, Any], task: str, workload: str) -> dict[str, Any]:
    """The preset with the targets of other tasks and workloads left out. Raises TunerError as `parse_targets`."""
    kept = [
        entry
        for entry, target in zip(document.get("targets") or (), parse_targets(document), strict=True)
        if target.task == task and target.workload in ("", workload)
    ]
    return {**document, "targets": kept}


def _target(entry: Any, origin: str) -> Target:
    if not isinstance(entry, Mapping):
        raise TunerError(f"{origin}: must be a mapping, not {entry!r}", _FORM)
    _known_keys(entry, {f.name for f in fields(Target)}, origin)
    given = [name for name in _LIMITS if entry.get(name) is not None]
    if len(given) != 1:
        raise TunerError(
            f"{origin}: has {' and '.join(given) or 'no limit'}", f"give exactly one of {', '.join(_LIMITS)}"
        )
    for field in ("task", "metric"):
        if not entry.get(field):
            raise TunerError(f"{origin}: has no {field}", _FORM)
    quality = tuple(entry.get("no_worse") or ())
    for name in (str(entry.get("metric")), *quality):
        _check_metric(name, str(entry.get("task")), origin)
    numbers = entry[given[0]] if given[0] == "between" else [entry[given[0]]]
    sound = isinstance(numbers, list) and all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers)
    if not sound or len(numbers) != (2 if given[0] == "between" else 1) or list(numbers) != sorted(numbers):
        raise TunerError(f"{origin}: {given[0]} is {entry[given[0]]!r}", "give a number, or for between [LOW, HIGH]")
    value = tuple(numbers) if given[0] == "between" else numbers[0]
    return Target(**{**entry, "no_worse": quality, given[0]: value})


def _check_metric(name: str, task: str, origin: str) -> None:
    known = metrics_of(task)
    if name not in known:
        error = unknown_name(f"metric of {task!r}", name, known)
        raise TunerError(f"{origin}: {error.message}", error.hint)


def _known_keys(document: Mapping[str, Any], known: set[str], origin: str) -> None:
    for key in document:
        if key not in known:
            error = unknown_name("key", str(key), known)
            raise TunerError(f"{origin}: {error.message}", error.hint)


def judge(
    targets: Mapping[str, Any],
    metrics: Mapping[str, MetricValue | float],
    baseline: Mapping[str, MetricValue | float] | None = None,
) -> list[dict[str, Any]]:
    """The verdict on each target of a preset document: `{metric, target, wanted, value, met, gap, unit, source}`.

    `target` is the value to reach (of a range its nearer end), None for a relative target without a baseline; `wanted`
    says it in words.
    `met` is None where the metric was not measured, or a relative target has no baseline. `gap` is the factor by which
    the value misses its limit (RTF 3.77 against < 1.0: 3.77), None unless the target is missed by its own metric.
    """
    return [_verdict(target, _numbers(metrics), _numbers(baseline or {})) for target in parse_targets(targets)]


def _numbers(metrics: Mapping[str, MetricValue | float]) -> dict[str, float]:
    return {name: m.value if isinstance(m, MetricValue) else float(m) for name, m in metrics.items()}


def _verdict(target: Target, metrics: Mapping[str, float], baseline: Mapping[str, float]) -> dict[str, Any]:
    value = metrics.get(target.metric)
    limit = target.limit(baseline.get(target.metric))
    met: bool | None = None
    gap: float | None = None
    if value is not None and limit is not None:
        met = _reached(target.kind, metric(target.metric).direction == "minimize", value, limit)
        gap = None if met else _factor(value, limit)
        if met and target.no_worse:
            met = _kept(target.no_worse, metrics, baseline)
    return {
        "metric": target.metric,
        "target": limit,
        "wanted": target.words(),
        "value": value,
        "met": met,
        "gap": gap,
        "unit": metric(target.metric).unit,
        "source": target.source,
    }


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
