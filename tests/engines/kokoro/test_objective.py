"""What a sweep of Kokoro optimises by default must feel the knob that matters most to whoever waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from engines.base import Model, Sample
from engines.synthesis.splitting import pieces
from engines.synthesis.workload import resolve_workload
from tuner.measure.round_metrics import round_metrics

ROOT = Path(__file__).parents[3]
MODEL = Model("voice", "voice", "0" * 64, {"": ""}, "", "")


def _chosen(group: str) -> dict[str, Any]:
    """The file that the engine's configuration chooses of a group."""
    engine = yaml.safe_load((ROOT / "engines/kokoro/conf/engine/kokoro.yaml").read_text(encoding="utf-8"))
    (name,) = (d[f"override /{group}"] for d in engine["defaults"] if f"override /{group}" in d)
    document: dict[str, Any] = yaml.safe_load((ROOT / "conf" / group / f"{name}.yaml").read_text(encoding="utf-8"))
    return document


def _spoken(text: str, split: str) -> Sample:
    """By an engine that takes 10 ms a letter, piece by piece."""
    times, done_s = [], 0.0
    for piece in pieces(text, {"split": split}):
        done_s += len(piece) / 100
        times.append(done_s)
    return Sample(text, tuple(times), done_s, len(text), 2.0)


def test_the_default_objective_feels_where_the_text_is_split() -> None:
    config = {option: value for option, value in _chosen("workload").items() if option != "defaults"}
    texts = [str(i.payload["text"]) for i in resolve_workload(config, MODEL, lambda line: None).items]
    (objective,) = _chosen("objective")["objective"]
    whole, split = (round_metrics("tts", [_spoken(t, how) for t in texts])[objective] for how in ("none", "sentence"))
    assert split < 0.7 * whole
    assert whole == pytest.approx(10 * sum(map(len, texts)) / len(texts))
