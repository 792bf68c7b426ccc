"""The end of a sweep in a screenful: the verdict, default against winner, changed knobs, what to type next."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tuner.core.deploy import DeployConfig
from tuner.core.events import Outcome, StudyInfo
from tuner.core.explanation import Ablation, Change
from tuner.core.metrics import METRICS
from tuner.core.targets import TargetVerdict
from tuner.core.trial import MetricValue
from tuner.results.wording import (
    changed_knobs,
    is_worse,
    measured_text,
    plain,
    ratio_text,
    ratio_to,
    status_counts,
    with_interval,
)

SHOWN = ("speed", "energy", "memory", "quality", "load")


@dataclass(frozen=True)
class SweepDocument:
    """What `sweep --json` prints. `trials` is the number of finished trials of the study, this run's or earlier."""

    study: str
    study_dir: str
    trials: int
    statuses: Mapping[str, int]
    wall_s: float
    engine_s: float
    verdict: str
    summary: str
    notices: tuple[str, ...]
    deploy: DeployConfig | None

    @staticmethod
    def of(outcome: Outcome) -> SweepDocument:
        """The document of an outcome."""
        return SweepDocument(
            study=outcome.study,
            study_dir=str(outcome.directory),
            trials=len(outcome.trials),
            statuses=outcome.statuses,
            wall_s=outcome.wall_s,
            engine_s=outcome.engine_s,
            verdict=outcome.verdict,
            summary=outcome.summary,
            notices=outcome.notices,
            deploy=outcome.deploy,
        )


@dataclass(frozen=True)
class Row:
    """One metric of default and winner, as text; `better` is how many times better the winner is, or ""."""

    name: str
    default: str
    winner: str
    better: str


def comparison(deploy: DeployConfig) -> list[Row]:
    """Default against winner; the objective first, then speed, memory, quality, load."""
    default, winner, objective = deploy.baseline.measured, deploy.measured, deploy.gain.objective
    rows, felt = [], {f.metric: f.verdict for f in deploy.felt}
    for name in sorted(winner, key=lambda n: (n != objective, _rank(n))):
        ratio = ratio_to(name, plain(winner[name]), plain(default[name])) if name in default else None
        if name == objective and deploy.gain.ratio is not None:
            ratio = deploy.gain.ratio  # paired in the tournament: more exact than the quotient of two medians
        before = measured_text(name, default[name]) if name in default else "—"
        better = "" if ratio is None else f"×{ratio:.2f}"
        if name in felt:
            better += f" {felt[name]}"
        elif ratio is not None and is_worse(ratio, winner[name], default[name]):
            better += " worse"
        rows.append(Row(name, before, measured_text(name, winner[name]), better))
    return rows


def summary_lines(info: StudyInfo | None, outcome: Outcome, just_told: Collection[str] = ()) -> list[str]:
    """The summary as plain text lines, without the notices that stand right above it."""
    lines = ["", outcome.summary]
    if outcome.deploy:
        lines += ["", *table(*comparison_table(outcome.deploy))]
        head, rows = changed_knob_cells(outcome.deploy, outcome.ablation)
        lines += ["", *table(head, rows)] if rows else []
    targets = target_cells(outcome.deploy.targets) if outcome.deploy else []
    lines += ["", *table(TARGET_HEAD, targets)] if targets else []
    lines += ["", counts_text(outcome)] if outcome.trials else []
    lines += [f"note: {text}" for text in outcome.notices if text not in just_told]
    return lines + next_commands(info, outcome)


def comparison_table(deploy: DeployConfig) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows of `comparison` as text; of the default alone when that is what is deployed."""
    rows = comparison(deploy)
    if deploy.keeps_default:
        return ("", "default"), [(row.name, row.winner) for row in rows]
    head = ("", "default", "winner", "times better")
    return head, [(row.name, row.default, row.winner, row.better) for row in rows]


def changed_knob_cells(
    deploy: DeployConfig, ablation: Ablation | None
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows: knob, default, winner, and how many times better the winner is with the change than without it.

    In the ablation's order. What is of knobs that go back together only stands in the first one's row.
    """
    changes = changed_knobs(deploy.params, deploy.baseline.params)
    worth: dict[str, str] = {}
    for change in ablation.changes if ablation else ():
        first, *others = [name for name in change.changed if name in changes] or [""]
        if change.played and first:
            worth[first] = _worth(change)
            worth.update({name: f"(with {first})" for name in others if name not in worth})
    if not worth:
        return ("changed knob", "default", "winner"), [(name, *values) for name, values in changes.items()]
    names = [*(n for n in worth if n in changes), *(n for n in changes if n not in worth)]
    head = ("changed knob", "default", "winner", "better with it than without")
    return head, [(name, *changes[name], worth.get(name, "not measured")) for name in names]


def _worth(change: Change) -> str:
    if change.ratio is None:
        return "nothing runs without it"
    text = ratio_text(change.ratio, change.ci95)
    sure = change.ci95 is not None and change.ci95[0] > 1
    return f"{text}, without it worse: {change.worse}" if change.worse and not sure else text


def keep_advice(deploy: DeployConfig) -> str:
    """What to do where nothing is proven to be better than the default; "" where something is.

    The default is mostly the library's, and whoever runs a server of that library runs something else.
    """
    if not deploy.keeps_default:
        return ""
    stock = changed_knobs(deploy.params, deploy.stock.params) if deploy.stock else {}
    if not stock:
        return "change nothing: an export only writes the default down"
    differs = ", ".join(f"{name} {default} and not {run}" for name, (run, default) in stock.items())
    return (
        f"change nothing: an export writes the default of this study down, which is not what people run ({differs}); "
        "do not put it in place of a server that you run already"
    )


TARGET_HEAD = ("target", "wanted", "measured", "verdict", "in its words")


def target_cells(targets: Iterable[TargetVerdict]) -> list[tuple[str, str, str, str, str]]:
    """Of each target: metric, wanted, measured, verdict, its source's words."""
    return [(t.metric, t.wanted or "—", _measured(t), _verdict(t), t.source) for t in targets]


def _measured(target: TargetVerdict) -> str:
    if target.value is None:
        return "—"
    unit = METRICS[target.metric].unit if target.metric in METRICS else target.unit
    return with_interval(MetricValue(target.value, target.ci95, unit))


def _verdict(target: TargetVerdict) -> str:
    if target.value is None:
        return "not measured"
    if target.met is None:
        return "too noisy to tell" if target.too_noisy else "no default to compare with"
    if target.met:
        return "met"
    return "missed" if target.gap is None else f"missed by ×{target.gap:.2f}"


def counts_text(outcome: Outcome) -> str:
    """`40 trials: 12 ok, 19 over limit, 2 crashed`."""
    counts = ", ".join(f"{count} {s.replace('_', ' ')}" for s, count in status_counts(outcome.trials).items())
    return f"{len(outcome.trials)} trial{'s' if len(outcome.trials) != 1 else ''}: {counts}"


def next_commands(info: StudyInfo | None, outcome: Outcome) -> list[str]:
    """Where to look and what to type now."""
    if info is None or not outcome.trials:
        return []
    report = shlex.quote(str(info.directory / "report.html"))
    return ["", f"report:  {report}", *(f"compare: {command}" for command in ui_commands(info.tracking_uri))]


def ui_commands(uri: str | None) -> list[str]:
    """What opens the MLflow UI on what the study has logged at `uri`; nothing when it was told to log nothing."""
    if uri == "":
        return []
    return ["python -m tuner ui" + (f" --tracking-uri {shlex.quote(uri)}" if uri else "")]


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


def _rank(name: str) -> tuple[int, int]:
    order = list(METRICS)
    if name not in METRICS:
        return (len(SHOWN), 0)
    return (SHOWN.index(METRICS[name].kind), order.index(name))
