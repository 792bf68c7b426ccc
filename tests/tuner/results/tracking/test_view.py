from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

from tests.tuner.synthetic import OBJECTIVE, TRIALS, measured, study_info
from tuner.results.tracking.ledger import Ledger
from tuner.results.tracking.view import saved_view, varied_knobs, view_path


def state_of(value: str) -> dict[str, Any]:
    packed = json.loads(value)["state"]
    assert packed.startswith("deflate;")
    state: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(packed.removeprefix("deflate;"))))
    return state


def test_shows_the_trials_of_one_study_by_their_ratio() -> None:
    key, value = saved_view(study_info(Path("s")), "abc", TRIALS, 1)
    state = state_of(value)
    assert key == "mlflow.sharedViewState.abc"
    assert json.loads(value)["name"] == "llm-tiny-0a1b"
    assert "'abc'" in state["searchFilter"]
    assert state["orderByKey"] == "metrics.`ratio_to_baseline`"
    assert f"metrics.`{OBJECTIVE}`" in state["selectedColumns"]
    assert "metrics.`kld`" in state["selectedColumns"]
    assert "params.`n_threads`" in state["selectedColumns"]
    assert "params.`lookup`" not in state["selectedColumns"], "a knob that never changed tells nothing"


def test_parallel_coordinates_use_knobs_that_every_measured_trial_has() -> None:
    trials = [*TRIALS, measured(8, 120.0, lookup_tokens=4)]
    charts = state_of(saved_view(study_info(Path("s")), "abc", trials, 1)[1])["compareRunCharts"]
    parallel = next(chart for chart in charts if chart["type"] == "PARALLEL")
    assert parallel["selectedParams"] == ["quantization", "n_threads", "flash_attn"]
    assert parallel["selectedMetrics"] == [OBJECTIVE]


def test_fits_an_experiment_tag_however_many_knobs_there_are() -> None:
    trials = [measured(n, 100.0 + n, **{f"a_rather_long_knob_name_{k}": n for k in range(60)}) for n in range(50)]
    assert len(saved_view(study_info(Path("s")), "abc", trials, 1)[1]) < 20000


def test_the_address_of_a_study_that_was_logged(tmp_path: Path) -> None:
    assert view_path(tmp_path) == ""
    ledger = Ledger.load(tmp_path)
    ledger.start_on("sqlite:///x.db", "7", "parent", {})
    assert view_path(tmp_path) == f"/#/experiments/7/runs?viewStateShareKey={ledger.id}"


def test_no_trials_yet() -> None:
    assert varied_knobs([]) == []
    assert state_of(saved_view(study_info(Path("s")), "abc", [], 1)[1])["compareRunCharts"]
