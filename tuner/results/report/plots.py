"""The plots of a report, as SVG. Each returns None where the study has nothing to show in it."""

from __future__ import annotations

from collections.abc import Sequence

from tuner.core.metrics import METRICS
from tuner.core.objective import pace_corrected
from tuner.core.trial import TrialResult, TrialStatus
from tuner.results.report.explanation_plots import ablation_plot, importance_plot
from tuner.results.report.study_files import StudyFiles
from tuner.results.report.svg import BOTTOM, LEFT, TOP, WIDTH, Surface, padded
from tuner.results.wording import (
    best_trial,
    describe,
    higher_is_better,
    number,
    ratio_text,
    reason_text,
    result_text,
    status_text,
)
from tuner.tournament.document import FinalistDocument

FINALIST_HEIGHT = 34
MOST_TRADE_OFFS = 3
CORRECTED = "corrected for the machine's pace"


def all_plots(study: StudyFiles) -> dict[str, str]:
    """File stem → SVG of every plot that the study has something for."""
    plots = {
        "tournament": tournament_plot(study),
        "ablation": ablation_plot(study),
        "history": history_plot(study),
        "importance": importance_plot(study),
    }
    plots |= {f"trade-off-{metric}": trade_off_plot(study, metric) for metric in trade_off_metrics(study)}
    return {name: svg for name, svg in plots.items() if svg is not None}


def history_plot(study: StudyFiles) -> str | None:
    """The first objective of each trial in order, the best so far, the default; failures along the bottom."""
    objective = study.about.objectives[0]
    rated = [(trial, value) for trial in study.trials if (value := trial.value(objective)) is not None]
    if not rated:
        return None
    again = [(float(c.number), v) for c in study.drift_checks if (v := c.value(objective)) is not None]
    edges = [
        *_edges(study.trials, objective),
        *(v for _, v in again),
        *(pace_corrected(t, objective) or v for t, v in rated),
    ]
    surface = Surface((-0.7, max(t.number for t in study.trials) + 0.7), padded(edges))
    surface.axes("trial", axis_label(objective), whole_x=True)
    baseline = study.baseline.value(objective) if study.baseline else None
    if baseline is not None:
        surface.across(baseline, "default", f"default {number(baseline)}")
    surface.path(_best_so_far(study.trials, objective), "path")
    for place, value in again:
        surface.diamond(place, value, "again", f"the default again: {number(value)}", 5)
    for trial, value in rated:
        if (at_first := pace_corrected(trial, objective)) not in (None, value):
            surface.bar((trial.number, trial.number), (value, at_first or value), "limit", CORRECTED)
        interval = trial.metrics[objective].ci95 if objective in trial.metrics else None
        if interval is not None:
            surface.bar((trial.number, trial.number), interval, "whisker")
        _trial_dot(surface, study, trial, trial.number, value)
    for trial in study.trials:
        if trial.value(objective) is None:
            surface.cross(surface.x(trial.number), surface.bottom - 8, "bad", trial_title(study, trial))
    repeated = [("again", "default again")] if again else []
    surface.legend([*_marks(study, objective), ("path", "best so far"), *repeated, *_failed(study, objective)])
    return surface.render(f"{objective} of each trial, and the best so far")


def tournament_plot(study: StudyFiles) -> str | None:
    """Each finalist's ratio to the default with its 95 % interval, and what the search had believed."""
    finalists = [f for f in study.tournament.finalists if f.ratio is not None] if study.tournament else []
    if not finalists:
        return None
    edges = [1.0, *(edge for f in finalists for edge in _edges_of(f))]
    top, rows = TOP - 18, len(finalists)  # no title of a vertical axis to make room for
    surface = Surface(padded(edges), (rows - 0.5, -0.5), height=top + FINALIST_HEIGHT * rows + BOTTOM, top=top)
    surface.axes("times better than the default, 95 % interval")
    surface.upright(1.0, "default", "default")
    for row, finalist in enumerate(finalists):
        _finalist(surface, study, row, finalist)
    surface.legend([("ok", "tournament"), ("estimate", "search believed")])
    return surface.render("ratio of each finalist to the default")


def trade_off_plot(study: StudyFiles, metric: str) -> str | None:
    """The first objective against another metric; the stepped line joins the trials that no other one dominates."""
    objective = study.about.objectives[0]
    points = [
        (t, x, y) for t in study.trials if (x := t.value(metric)) is not None and (y := t.value(objective)) is not None
    ]
    if len(points) < 2:
        return None
    limit = study.about.constraints.get(metric)
    xs = [x for _, x, _ in points] + ([limit] if limit is not None else [])
    surface = Surface(padded(xs), padded(y for _, _, y in points))
    surface.axes(axis_label(metric), axis_label(objective))
    if limit is not None:
        surface.upright(limit, "limit", f"limit {limit:g}")
    surface.path(front([(x, y) for t, x, y in points if t.status is TrialStatus.OK], metric, objective), "path")
    for trial, x, y in points:
        _trial_dot(surface, study, trial, x, y)
    surface.legend([*_marks(study, objective), ("path", "no trial beats these in both")])
    return surface.render(f"{objective} against {metric}")


def trade_off_metrics(study: StudyFiles) -> list[str]:
    """The other objectives, the constrained metrics and memory: what speed is paid with."""
    memory = "vram_peak_mib" if any(t.value("vram_peak_mib") for t in study.trials) else "rss_peak_mib"
    wanted = dict.fromkeys([*study.about.objectives[1:], *study.about.constraints, memory])
    return [name for name in wanted if name != study.about.objectives[0]][:MOST_TRADE_OFFS]


def front(points: Sequence[tuple[float, float]], x_metric: str, y_metric: str) -> list[tuple[float, float]]:
    """The steps through the points that no other one beats in both metrics."""
    x_sign = -1 if higher_is_better(x_metric) else 1
    y_sign = 1 if higher_is_better(y_metric) else -1
    steps: list[tuple[float, float]] = []
    best: float | None = None
    for x, y in sorted(points, key=lambda p: (x_sign * p[0], -y_sign * p[1])):
        if best is None or y_sign * y > y_sign * best:
            steps += [(x, best), (x, y)] if best is not None else [(x, y)]
            best = y
    return steps


def axis_label(metric: str) -> str:
    """`decode_tokens_per_second (tok/s), more is better`."""
    unit = METRICS[metric].unit if metric in METRICS else ""
    direction = "more is better" if higher_is_better(metric) else "less is better"
    return f"{metric}{f' ({unit})' if unit else ''}, {direction}"


def trial_title(study: StudyFiles, trial: TrialResult) -> str:
    """What a pointer over a trial's mark brings up."""
    values = [f"{name} {result_text(trial, name)}" for name in study.about.objectives if trial.value(name) is not None]
    head = f"trial {trial.number}: {status_text(trial).replace('_', ' ')}"
    knobs = describe(trial.params, study.baseline.params if study.baseline else None)
    return "\n".join(line for line in (head, *values, reason_text(trial, study.about.constraints), knobs) if line)


def _trial_dot(surface: Surface, study: StudyFiles, trial: TrialResult, x: float, y: float) -> None:
    title = trial_title(study, trial)
    if trial.number == study.winner:
        surface.diamond(x, y, "best", title)
    elif trial is study.baseline:
        surface.diamond(x, y, "base", title, 5)
    elif trial.feasible:
        surface.dot(x, y, "ok", title)
    else:
        surface.dot(x, y, "cut" if trial.status is TrialStatus.PRUNED else "over", title)


def _edges_of(finalist: FinalistDocument) -> tuple[float, ...]:
    """Every ratio that is drawn of a finalist."""
    return tuple(v for v in (finalist.ratio, finalist.search_ratio, *(finalist.ci95 or ())) if v is not None)


def _finalist(surface: Surface, study: StudyFiles, row: int, finalist: FinalistDocument) -> None:
    ratio, interval, believed = finalist.ratio, finalist.ci95, finalist.search_ratio
    if ratio is None:
        return
    title = f"trial {finalist.number}: {ratio_text(ratio, interval)}, {finalist.pairs} pairs"
    if interval:
        surface.bar((interval[0], interval[1]), (row, row), "sure" if finalist.significant else "unsure", title)
    if believed is not None:
        surface.dot(believed, row, "estimate", f"the search had believed {ratio_text(believed)}", 4)
    if finalist.number == study.winner:
        surface.diamond(ratio, row, "best", title, 6)
    else:
        surface.dot(ratio, row, "ok", title, 5)
    y = surface.y(row) + 4
    surface.text(LEFT - 8, y, f"trial {finalist.number}", "", "end")
    place, anchor = surface.x(max(_edges_of(finalist))) + 10, "start"
    if place > WIDTH - 150:
        place, anchor = surface.x(min(_edges_of(finalist))) - 10, "end"
    surface.text(place, y, ratio_text(ratio, interval), "", anchor)


def _edges(trials: Sequence[TrialResult], objective: str) -> list[float]:
    edges = []
    for trial in trials:
        value = trial.value(objective)
        if value is not None:
            interval = trial.metrics[objective].ci95 if objective in trial.metrics else None
            edges += [value, *(interval or ())]
    return edges


def _best_so_far(trials: Sequence[TrialResult], objective: str) -> list[tuple[float, float]]:
    steps: list[tuple[float, float]] = []
    for place in range(len(trials)):
        best = best_trial(trials[: place + 1], objective)
        value = best.value(objective) if best else None
        if value is not None:
            if steps and steps[-1][1] != value:
                steps.append((trials[place].number, steps[-1][1]))
            steps.append((trials[place].number, value))
    return steps


def _marks(study: StudyFiles, objective: str) -> list[tuple[str, str]]:
    """The kinds of measured trials that occur."""
    rated = [trial for trial in study.trials if trial.value(objective) is not None]
    baseline = study.baseline.number if study.baseline else None
    kinds = [
        ("base", "default", study.baseline in rated),
        ("best", "winner", study.winner is not None and study.winner != baseline),
        ("ok", "within limits", any(t.feasible and t.number != baseline for t in rated)),
        ("over", "over a limit", any(not t.feasible and t.status is not TrialStatus.PRUNED for t in rated)),
        ("cut", "pruned", any(t.status is TrialStatus.PRUNED for t in rated)),
    ]
    return [(style, label) for style, label, occurs in kinds if occurs]


def _failed(study: StudyFiles, objective: str) -> list[tuple[str, str]]:
    return [("bad", "failed")] if any(t.value(objective) is None for t in study.trials) else []
