"""The plots that explain a verdict: what each change is worth, and which knobs mattered at all."""

from __future__ import annotations

from tuner.core.explanation import Change
from tuner.results.report.study_files import StudyFiles
from tuner.results.report.svg import BOTTOM, TOP, WIDTH, Surface, padded
from tuner.results.wording import knob_value, ratio_text, shorten

ROW_HEIGHT = 30
MOST_KNOBS = 12
NAMES_LEFT = 250
"""Pixels on the left for what a row is about."""
LETTERS_MOST = 40
ROOM_RIGHT = 0.15
"""Of the range, for the figures on the right."""


def ablation_plot(study: StudyFiles) -> str | None:
    """Each change of the winner: how many times better the objective is with it than without it."""
    told = study.ablation.changes if study.ablation else ()
    changes = [(change, change.ratio) for change in told if change.ratio is not None]
    if not changes:
        return None
    edges = [1.0, *(edge for change, ratio in changes for edge in (ratio, *(change.ci95 or ())))]
    low, high = padded(edges)
    surface = _rows(len(changes), (low, high + (high - low) * ROOM_RIGHT))
    surface.axes("times better with the change than without it, 95 % interval")
    surface.upright(1.0, "default", "no difference")
    for row, (change, ratio) in enumerate(changes):
        interval = change.ci95
        went = "kept" if change.shown or study.winner == (study.ablation and study.ablation.winner) else "went back"
        title = f"{change_text(change)}: {ratio_text(ratio, interval)}, {change.pairs} pairs, {went}"
        if interval:
            surface.bar((interval[0], interval[1]), (row, row), "sure" if change.shown else "unsure", title)
        surface.dot(ratio, row, "ok", title, 5)
        surface.text(NAMES_LEFT - 10, surface.y(row) + 4, shorten(change_text(change), LETTERS_MOST), "", "end")
        surface.text(WIDTH - 22, surface.y(row) + 4, ratio_text(ratio), "", "end")
    return surface.render("what each of the winner's changes is worth")


def importance_plot(study: StudyFiles) -> str | None:
    """The share of the explained variation that each knob has, and the floor that chance reaches."""
    if study.importance is None or not study.importance.knobs:
        return None
    knobs, floor = study.importance.knobs[:MOST_KNOBS], study.importance.floor
    most = max(floor, *(knob.share for knob in knobs))
    surface = _rows(len(knobs), (0.0, 1.1 * most))
    surface.axes("share of the explained variation")
    surface.upright(floor, "limit", "what chance reaches")
    for row, knob in enumerate(knobs):
        title = f"{knob.knob}: {knob.share:.1%}, {'above' if knob.above_floor else 'not above'} chance"
        surface.bar((0.0, knob.share), (row, row), "sure" if knob.above_floor else "unsure", title)
        surface.text(NAMES_LEFT - 10, surface.y(row) + 4, knob.knob, "", "end")
        surface.text(surface.x(knob.share) + 8, surface.y(row) + 4, f"{knob.share:.0%}", "soft", "start")
    return surface.render("which knobs mattered")


def change_text(change: Change) -> str:
    """`quantization F16 → Q6_K`, several changes joined by commas."""
    return ", ".join(
        f"{knob} {'—' if before is None else knob_value(before)} → {'—' if after is None else knob_value(after)}"
        for knob, (before, after) in change.changed.items()
    )


def _rows(count: int, x_range: tuple[float, float]) -> Surface:
    top = TOP - 18
    return Surface(x_range, (count - 0.5, -0.5), height=top + ROW_HEIGHT * count + BOTTOM, top=top, left=NAMES_LEFT)
