"""The live panel of a terminal, drawn once a second at most because it runs beside measurements."""

from __future__ import annotations

import atexit
from collections.abc import Collection, Sequence
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tuner.core.events import Outcome, Standing, StudyInfo
from tuner.core.trial import TrialResult
from tuner.results.display.plain import PlainDisplay, standing_text, start_text
from tuner.results.display.progress import StudyProgress
from tuner.results.summary import (
    TARGET_HEAD,
    changed_knob_cells,
    comparison_table,
    counts_text,
    next_commands,
    target_cells,
)
from tuner.results.wording import OVER_LIMIT, duration, status_text

STYLES = {
    "ok": "green",
    OVER_LIMIT: "yellow",
    "pruned": "dim",
    "infeasible": "yellow",
    "unsupported": "yellow",
}
FAILED_STYLE = "red"
BAR_WIDTH = 30
FOREST_WIDTH = 33


class _Console(Console):
    """A console that never hides the cursor: a killed process could not show it again."""

    def show_cursor(self, show: bool = True) -> bool:
        return False


class LiveDisplay(PlainDisplay):
    """Trial lines scroll by above a panel with progress, the trial that runs, the best so far and the standings."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._console = _Console(file=stream, highlight=False)
        self._live: Live | None = None

    def study_started(self, info: StudyInfo) -> None:
        """Open the panel."""
        self.state.start(info)
        self._console.print(Text(start_text(info), style="bold"))
        self._open()

    def progress(self, text: str) -> None:
        """Slow preparation, shown in the panel."""
        self.state.preparing = text
        self._open()
        self._refresh()

    def trial_finished(self, result: TrialResult) -> None:
        """One line above the panel."""
        self.state.finish_trial(result)
        self._print(trial_line(self.state, result))

    def tournament_progress(self, standings: list[Standing], done: int, most: int) -> None:
        """Standings in the panel."""
        self.state.rank(standings, done, most)
        self._refresh()

    def notice(self, text: str) -> None:
        """One line above the panel."""
        self.state.tell(text)
        self._console.print(Text.assemble(("note  ", "yellow"), text))

    def study_finished(self, outcome: Outcome) -> None:
        """Close the panel and show the summary."""
        self.close()
        self._console.print(summary(self.state.info, outcome, self.state.just_told))

    def close(self) -> None:
        """Take the panel down."""
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()
            atexit.unregister(self.close)

    def _open(self) -> None:
        if self._live is not None:
            return
        self._live = Live(
            get_renderable=lambda: panel(self.state),
            console=self._console,
            refresh_per_second=1,
            transient=True,
            redirect_stdout=False,  # standard output belongs to --json
            redirect_stderr=True,
        )
        self._live.start()
        atexit.register(self.close)

    def _print(self, text: Text) -> None:
        self._console.print(text, no_wrap=True, overflow="ellipsis")
        self._refresh()

    def _refresh(self) -> None:
        if self._live is not None:
            self._live.refresh()


def trial_line(state: StudyProgress, result: TrialResult) -> Text:
    """One trial on one line, coloured by its status; a star marks a new best."""
    status = status_text(result)
    best = state.best is not None and state.best.number == result.number and not state.is_baseline(result)
    return Text.assemble(
        (f"{result.number:4d} ", "bold" if best else ""),
        ("★ " if best else "  ", "green"),
        (f"{status.replace('_', ' '):<15}", STYLES.get(status, FAILED_STYLE)),
        (state.verdict_text(result) or "—", "bold" if best else ""),
        (f"  {state.label(result.params)}", "dim"),
    )


def panel(state: StudyProgress) -> RenderableType:
    """The whole panel."""
    rows = Table.grid(padding=(0, 1))
    rows.add_column(style="dim", width=10)
    rows.add_column(no_wrap=True, overflow="ellipsis")
    if state.info is None:  # one configuration is measured, without a search
        rows.add_row("now", Text(state.preparing or state.round_text()))
        return rows
    rows.add_row("search", _bar(state))
    rows.add_row("now", _now(state))
    if state.baseline is not None:
        rows.add_row("default", Text(state.verdict_text(state.baseline)))
    best = state.best
    if best is not None and not state.is_baseline(best):
        rows.add_row("best", Text.assemble((state.verdict_text(best), "bold green"), f"  trial {best.number}"))
        rows.add_row("", Text(state.label(best.params), style="green"))
    rows.add_row("ended", _statuses(state))
    if state.in_tournament:
        _add_standings(rows, state)
    return Group(Text(), rows)


def _bar(state: StudyProgress) -> RenderableType:
    share, left = state.share_done, state.left_s
    eta = "" if left is None or state.in_tournament else f" · about {duration(left)} left"
    grid = Table.grid(padding=(0, 1))
    grid.add_row(ProgressBar(total=1.0, completed=share, width=BAR_WIDTH), Text(f"{state.budget_text}{eta}"))
    return grid


def _now(state: StudyProgress) -> Text:
    if state.preparing:
        return Text(state.preparing)
    if state.in_tournament:
        rivals = "proven finalists among themselves" if state.settled else "finalists against the default"
        return Text(f"tournament: {rivals}, block {state.blocks[0]} of at most {state.blocks[1]}")
    if state.current is None:
        return Text("choosing the next trial", style="dim")
    number, params, purpose = state.current
    knobs = state.label(params) if purpose == "search" else purpose
    return Text.assemble(f"trial {number} · {state.round_text()}  ", (knobs, "cyan"))


def _statuses(state: StudyProgress) -> Text:
    parts = [
        (f"{count} {name.replace('_', ' ')}  ", STYLES.get(name, FAILED_STYLE))
        for name, count in state.statuses.items()
    ]
    return Text.assemble(*parts) if parts else Text("—")


def _add_standings(rows: Table, state: StudyProgress) -> None:
    """Each finalist's ratio with its interval drawn on a common scale; `│` marks the default."""
    edges = [1.0, *(edge for standing in state.standings for edge in standing.ci95 or ())]
    low, high = min(edges), max(edges)
    for standing in state.standings:
        sure = standing.ci95 is not None and standing.ci95[0] > 1
        ratio = f"{standing_text(standing):<23}"
        rows.add_row(
            f"trial {standing.number}",
            Text.assemble((ratio, "bold green" if sure else ""), _interval(standing, low, high)),
        )


def _interval(standing: Standing, low: float, high: float) -> Text:
    def column(value: float) -> int:
        return round((value - low) / (high - low) * (FOREST_WIDTH - 1)) if high > low else 0

    cells = [" "] * FOREST_WIDTH
    if standing.ci95 is not None:
        for place in range(column(standing.ci95[0]), column(standing.ci95[1]) + 1):
            cells[place] = "─"
    cells[column(1.0)] = "│"
    if standing.ci95 is not None:
        cells[column(standing.ratio)] = "●"
    return Text("".join(cells))


def summary(info: StudyInfo | None, outcome: Outcome, just_told: Collection[str] = ()) -> RenderableType:
    """The verdict, default against winner, the changed knobs, the targets and the next commands.

    Notices that stand right above it are left out.
    """
    deploy = outcome.deploy
    parts: list[RenderableType] = [
        Text(),
        Text(outcome.summary, style="bold green" if outcome.verdict == "gain" else "bold"),
    ]
    if deploy:
        parts += _table(*comparison_table(deploy))
        parts += _table(*changed_knob_cells(deploy, outcome.ablation))
        parts += _table(TARGET_HEAD, target_cells(deploy.targets))
    parts += [Text(), Text(counts_text(outcome))] if outcome.trials else []
    parts += [Text.assemble(("note  ", "yellow"), text) for text in outcome.notices if text not in just_told]
    return Group(*parts, *(Text(line) for line in next_commands(info, outcome)))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[RenderableType]:
    """A blank line and the rows, the first column to the left; nothing when there are none."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for place, name in enumerate(head):
        table.add_column(name, justify="right" if place else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return [Text(), table] if rows else []
