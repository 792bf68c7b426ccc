"""The end of a sweep in a screenful: the verdict, default against winner, changed knobs, what to type next."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.core.events import Outcome, StudyInfo
from tuner.core.metrics import METRICS
from tuner.core.trial import TrialResult, metric_from_json
from tuner.results.wording import (
    baseline_of,
    changed_knobs,
    higher_is_better,
    metric_text,
    number,
    ratio_text,
    ratio_to,
    status_counts,
)

SHOWN = ("speed", "energy", "memory", "quality", "load")


@dataclass(frozen=True)
class Row:
    """One metric of default and winner, as text; `better` is how many times better the winner is, or ""."""

    name: str
    default: str
    winner: str
    better: str


def comparison(deploy: Mapping[str, Any], trials: Sequence[TrialResult] = ()) -> list[Row]:
    """Default against winner, from a deploy.json document; the objective first, then speed, memory, quality, load.

    What the document does not say of the default's quality is taken from trial 0 among `trials`.
    """
    baseline = baseline_of(trials)
    gain = deploy.get("gain") or {}
    objective = gain.get("objective")
    quality = {**(baseline.quality if baseline else {}), **deploy["baseline"].get("quality", {})}
    default = _values(deploy["baseline"].get("metrics", {}), quality)
    winner = _values(deploy.get("metrics", {}), deploy.get("quality", {}))
    rows = []
    for name in sorted(winner, key=lambda n: (n != objective, _rank(n))):
        before, after = default.get(name), winner[name]
        ratio = None if before is None else ratio_to(name, after[0], before[0])
        if name == objective and gain.get("ratio") is not None:
            ratio = gain["ratio"]  # paired in the tournament: more exact than the quotient of two medians
        rows.append(Row(name, before[1] if before else "—", after[1], "" if ratio is None else f"×{ratio:.2f}"))
    return rows


def summary_lines(info: StudyInfo | None, outcome: Outcome) -> list[str]:
    """The summary as plain text lines."""
    lines = ["", outcome.summary]
    if outcome.deploy:
        lines += ["", *table(*comparison_table(outcome.deploy, outcome.trials))]
        head, rows = changed_knob_cells(outcome.deploy, outcome.attribution or {})
        lines += ["", *table(head, rows)] if rows else []
    targets = target_cells(outcome.deploy or {})
    lines += ["", *table(TARGET_HEAD, targets)] if targets else []
    lines += ["", counts_text(outcome)] if outcome.trials else []
    lines += [f"note: {text}" for text in outcome.notices]
    return lines + next_commands(info, outcome)


def comparison_table(
    deploy: Mapping[str, Any], trials: Sequence[TrialResult] = ()
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows of `comparison` as text; of the default alone when that is what is deployed."""
    rows = comparison(deploy, trials)
    if deploy["params"] == deploy["baseline"]["params"]:
        return ("", "default"), [(row.name, row.winner) for row in rows]
    head = ("", "default", "winner", "times better")
    return head, [(row.name, row.default, row.winner, row.better) for row in rows]


def changed_knob_cells(
    deploy: Mapping[str, Any], attribution: Mapping[str, Any]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows: knob, default, winner, and what the change brought where that was measured, in measured order.

    What knobs brought that could only change together stands in the first one's row.
    """
    changes = changed_knobs(deploy["params"], deploy["baseline"]["params"])
    brought: dict[str, str] = {}
    for step in attribution.get("steps") or ():
        first, *others = step["changed"]
        text = "failed" if step.get("ratio") is None else ratio_text(step["ratio"], step.get("ci95"))
        brought.pop(first, None)  # where it only stood beside an earlier step
        brought[first] = text
        brought.update({name: f"(with {first})" for name in others if name not in brought})
    if not brought:
        return ("changed knob", "default", "winner"), [(name, *values) for name, values in changes.items()]
    names = [*(n for n in brought if n in changes), *(n for n in changes if n not in brought)]
    head = ("changed knob", "default", "winner", "brought, in this order")
    return head, [(name, *changes[name], brought.get(name, "")) for name in names]


TARGET_HEAD = ("target", "wanted", "measured", "verdict", "in its words")


def target_cells(deploy: Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Each target of a deploy.json document: metric, wanted, measured, verdict, its source's words."""
    rows = []
    for target in deploy.get("targets") or ():
        name, limit, value = target["metric"], target["target"], target.get("value")
        sign = "≥" if higher_is_better(name) else "≤"
        wanted = target.get("wanted") or ("—" if limit is None else f"{sign} {metric_text(name, limit)}")
        measured = "—" if value is None else metric_text(name, value)
        rows.append((name, wanted, measured, _verdict(target), target.get("source") or ""))
    return rows


def _verdict(target: Mapping[str, Any]) -> str:
    if target.get("met") is None:
        return "not measured" if target.get("value") is None else "no default to compare with"
    if target["met"]:
        return "met"
    return "missed" if target.get("gap") is None else f"missed by ×{target['gap']:.2f}"


def counts_text(outcome: Outcome) -> str:
    """`40 trials: 12 ok, 19 over limit, 2 crashed`."""
    counts = ", ".join(f"{count} {s.replace('_', ' ')}" for s, count in status_counts(outcome.trials).items())
    return f"{len(outcome.trials)} trial{'s' if len(outcome.trials) != 1 else ''}: {counts}"


def next_commands(info: StudyInfo | None, outcome: Outcome) -> list[str]:
    """Where to look and what to type now."""
    if info is None or not outcome.trials:
        return []
    report = shlex.quote(str(info.directory / "report.html"))
    return ["", f"report:  {report}", *(f"compare: {command}" for command in ui_commands(info.configuration))]


def ui_commands(configuration: Mapping[str, Any]) -> list[str]:
    """What opens the MLflow UI on what the study has logged; nothing when it was told to log nothing."""
    uri = (configuration.get("tracking") or {}).get("uri")
    if uri == "":
        return []
    return ["python -m tuner ui" + (f" --tracking-uri {shlex.quote(str(uri))}" if uri else "")]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns padded with spaces: the first to the left, the others to the right."""
    cells = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]


def _values(metrics: Mapping[str, Any], quality: Mapping[str, Any]) -> dict[str, tuple[float, str]]:
    """Name → (value, text). Quality is `{name: number}` or `{name: {value, …}}`."""
    documents = {n: q if isinstance(q, Mapping) else {"value": q, "ci95": None, "unit": ""} for n, q in quality.items()}
    values = {}
    for name, document in {**documents, **metrics}.items():
        if isinstance(document.get("value"), int | float):
            measured = metric_from_json({"ci95": None, "unit": "", **document})
            unit = measured.unit or (METRICS[name].unit if name in METRICS else "")
            half = "" if measured.ci95 is None else f" ± {number((measured.ci95[1] - measured.ci95[0]) / 2, 2)}"
            values[name] = (measured.value, f"{number(measured.value)}{half} {unit}".rstrip())
    return values


def _rank(name: str) -> tuple[int, int]:
    order = list(METRICS)
    if name not in METRICS:
        return (len(SHOWN), 0)
    return (SHOWN.index(METRICS[name].kind), order.index(name))
