"""docs/metrics.md has every metric, with its unit and direction, and none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tuner.core.metrics import METRICS
from tuner.core.metrics.pipeline import METRICS as OF_TURNS

PAGE = (Path(__file__).parents[1] / "docs/metrics.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")]
TOLD = [(name, *row[1:4]) for row in ROWS for name in re.findall(r"`(\w+)`", row[0])]


@pytest.mark.parametrize(("name", "unit", "better", "felt"), TOLD)
def test_a_metric_is_described_as_it_is(name: str, unit: str, better: str, felt: str) -> None:
    metric = METRICS[name]
    assert unit == metric.unit
    assert better == ("more" if metric.direction == "maximize" else "less")
    assert felt == ("yes" if metric.felt else "")


def test_every_metric_is_on_the_page() -> None:
    of_turns = {metric.name for metric in OF_TURNS}
    assert all(f"`{name}`" in PAGE for name in of_turns)
    assert {name for name, *_ in TOLD} == set(METRICS) - of_turns
