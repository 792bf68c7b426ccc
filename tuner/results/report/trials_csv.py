"""All trials as a table for spreadsheets: one row per trial, repeats and drift checks among them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from tuner.core.metrics import METRICS
from tuner.core.trial import TrialResult

_HEAD = ("trial", "purpose", "repeat_of", "status", "feasible", "started_at", "wall_s", "rounds", "pace", "reason")


def trials_csv(results: Sequence[TrialResult]) -> str:
    """CSV with a head: what became of a trial, its parameters as `params.NAME`, its metrics by name (raw values)."""
    knobs = _names(r.params for r in results)
    measured = _names((*r.metrics, *r.quality) for r in results)
    metrics = [name for name in METRICS if name in measured] + [name for name in measured if name not in METRICS]
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow([*_HEAD, *(f"params.{name}" for name in knobs), *metrics])
    for r in results:
        again = "" if r.repeat_of is None else r.repeat_of
        feasible = "yes" if r.feasible else "no"
        about = (
            r.number,
            r.purpose,
            again,
            str(r.status),
            feasible,
            r.started_at,
            r.wall_s,
            r.rounds,
            r.pace,
            r.reason,
        )
        values = (r.value(name) for name in metrics)
        table.writerow([*about, *(r.params.get(name, "") for name in knobs), *("" if v is None else v for v in values)])
    return stream.getvalue()


def _names(groups: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(name for group in groups for name in group))
