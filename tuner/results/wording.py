"""How values, knobs and intervals read: one place for the display, the report and the names of MLflow runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from engines.base import without_advice
from search_spaces.parameter import Value
from tuner.core.guards import TRIFLE
from tuner.core.metrics import METRICS
from tuner.core.objective import pace_corrected
from tuner.core.study_document import StudyWorkload
from tuner.core.trial import MetricValue, TrialResult, TrialStatus

Measured = MetricValue | float
"""What was measured of one metric: of speed and memory with an interval, of quality a bare value."""


def number(value: float, digits: int = 3) -> str:
    """`value` with `digits` significant digits, and never in scientific notation below a million."""
    if not math.isfinite(value):
        return str(value)
    if value == 0 or not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits}g}"
    return f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"


def knob_value(value: Value) -> str:
    """A knob's value as people write it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def workload_text(workload: StudyWorkload) -> str:
    """What was searched on and what was held out for the proof, on one line."""
    searched = f"{workload.name}: searched on {workload.items} items (digest {workload.digest})"
    if not workload.held_out_items:
        return f"{searched}, nothing held out for the proof"
    return f"{searched}, proven on {workload.held_out_items} held out (digest {workload.held_out_digest})"


def engine_text(engine: Mapping[str, str]) -> str:
    """An engine's name and build on one line, without the advice on it, which `doctor` gives."""
    return " ".join(without_advice(engine).values())


def changed_knobs(params: Mapping[str, Value], baseline: Mapping[str, Value]) -> dict[str, tuple[str, str]]:
    """Knob → (value in `baseline`, value in `params`) where they differ; `—` where the knob is not active."""
    names = [*params, *(name for name in baseline if name not in params)]
    pairs = {n: tuple(knob_value(p[n]) if n in p else "—" for p in (baseline, params)) for n in names}
    return {name: (before, after) for name, (before, after) in pairs.items() if before != after}


def describe(params: Mapping[str, Value], baseline: Mapping[str, Value] | None) -> str:
    """What sets `params` apart from `baseline`, on one line: `n_threads=2 flash_attn=on`, or `baseline`."""
    if baseline is None:
        return " ".join(f"{name}={knob_value(value)}" for name, value in params.items())
    changes = {name: after for name, (_, after) in changed_knobs(params, baseline).items() if after != "—"}
    return " ".join(f"{name}={after}" for name, after in changes.items()) or "baseline"


def shorten(text: str, width: int) -> str:
    """`text` on one line and at most `width` characters, with `…` where it was cut."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: max(0, width - 1)].rstrip() + "…"


EVEN_MOST = 0.25
"""Share of a value up to which ± is said of its interval. Wider ones, which are of logarithms, are visibly uneven: what
is 101 may be anything from 0.1 to 80000."""


def with_interval(metric: MetricValue) -> str:
    """`412 ± 3.1 tok/s`, of a wide interval `101 (38.2–267) tok/s`, and the value alone where there is none."""
    value, text = metric.value, number(metric.value)
    if metric.ci95 is not None:
        low, high = metric.ci95
        half = (high - low) / 2
        text += f" ± {number(half, 2)}" if half <= EVEN_MOST * abs(value) else f" ({number(low)}–{number(high)})"
    return f"{text} {metric.unit}".rstrip()


def metric_text(name: str, value: float) -> str:
    """A bare value of the metric called `name`, with the unit of the table of metrics."""
    unit = METRICS[name].unit if name in METRICS else ""
    return f"{number(value)} {unit}".rstrip()


def named(name: str, text: str) -> str:
    """`text`, a value of the metric called `name`, with that name where no unit tells what it is: `rtf 0.0099`."""
    return text if name in METRICS and METRICS[name].unit else f"{name} {text}"


def plain(measured: Measured) -> float:
    """The value without its interval."""
    return measured.value if isinstance(measured, MetricValue) else measured


def measured_text(name: str, measured: Measured) -> str:
    """A value of the metric called `name` with its unit, and its interval where it has one."""
    return with_interval(measured) if isinstance(measured, MetricValue) else metric_text(name, measured)


def result_text(result: TrialResult, metric: str) -> str:
    """The value of `metric` in `result` with its interval and unit, or `—`."""
    measured = result.metrics.get(metric, result.quality.get(metric))
    return "—" if measured is None else measured_text(metric, measured)


def higher_is_better(metric: str) -> bool:
    """The direction of `metric`; a metric that the table does not know counts as minimised."""
    return metric in METRICS and METRICS[metric].direction == "maximize"


def ratio_to(metric: str, value: float, baseline: float) -> float | None:
    """How many times better than `baseline` (> 1 is better, whichever way the metric points), or None."""
    if not (math.isfinite(value) and math.isfinite(baseline)) or value <= 0 or baseline <= 0:
        return None
    return value / baseline if higher_is_better(metric) else baseline / value


def is_worse(ratio: float, value: Measured, baseline: Measured) -> bool:
    """Whether `ratio` (above 1 is better) is more than a trifle below 1, and no interval says that it may be chance."""
    if ratio >= 1 / (1 + TRIFLE):
        return False
    low, high = _ends(value)
    other_low, other_high = _ends(baseline)
    return high < other_low or other_high < low


def _ends(measured: Measured) -> tuple[float, float]:
    own = plain(measured)
    return (measured.ci95 if isinstance(measured, MetricValue) else None) or (own, own)


def pace_corrected_ratio(metric: str, result: TrialResult, baseline: TrialResult) -> float | None:
    """How many times better than the baseline a trial is, both at the machine's first pace, as trials are ranked."""
    value, default = pace_corrected(result, metric), pace_corrected(baseline, metric)
    return None if value is None or default is None else ratio_to(metric, value, default)


def percent(ratio: float) -> str:
    """`+12.3 %` for 1.123."""
    return f"{(ratio - 1) * 100:+.1f} %"


def ratio_text(ratio: float, ci95: Sequence[float] | None = None) -> str:
    """`×1.124 (1.093–1.156)`."""
    interval = "" if ci95 is None else f" ({ci95[0]:.3f}–{ci95[1]:.3f})"
    return f"×{ratio:.3f}{interval}"


def duration(seconds: float) -> str:
    """`48 s`, `4 min 05 s` or `2 h 10 min`."""
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


OVER_LIMIT = "over_limit"


def status_text(result: TrialResult) -> str:
    """The status; `over_limit` for a trial that was measured but breaks a constraint."""
    return OVER_LIMIT if result.status is TrialStatus.OK and not result.feasible else str(result.status)


def status_counts(trials: Iterable[TrialResult]) -> dict[str, int]:
    """How many trials ended how, the most frequent first."""
    return dict(Counter(status_text(trial) for trial in trials).most_common())


def broken_limits(result: TrialResult, limits: Mapping[str, float]) -> str:
    """`kld 0.21 nat > 0.05`, for each constraint that `result` breaks; `limits` may lack some."""
    texts = []
    for name in (n for n, slack in result.violations.items() if slack > 0):
        value, sign = result.value(name), "<" if higher_is_better(name) else ">"
        measured = name if value is None else f"{name} {metric_text(name, value)}"
        texts.append(f"{measured} {sign} {limits[name]:g}" if name in limits else f"{measured} over its limit")
    return ", ".join(texts)


def reason_text(result: TrialResult, limits: Mapping[str, float]) -> str:
    """The reason of the status, or which constraints an otherwise good trial breaks."""
    return result.reason or broken_limits(result, limits)


def best_trial(trials: Sequence[TrialResult], metric: str) -> TrialResult | None:
    """The feasible trial with the best value of `metric` at the machine's first pace; the earliest among equals."""
    rated = [(value, t) for t in trials if t.feasible and (value := pace_corrected(t, metric)) is not None]
    if not rated:
        return None
    sign = -1 if higher_is_better(metric) else 1
    return min(rated, key=lambda pair: (sign * pair[0], pair[1].number))[1]


def baseline_of(trials: Sequence[TrialResult]) -> TrialResult | None:
    """The first trial, which is of the engine's own defaults."""
    return min(trials, key=lambda t: t.number, default=None)
