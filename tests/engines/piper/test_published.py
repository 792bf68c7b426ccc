"""The published voice en_US-joe-medium: what the stand-in cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from engines.base import Model, Workload
from engines.piper import engine
from engines.piper.engine import PiperEngine
from engines.piper.models import resolve_model

pytestmark = [pytest.mark.published, pytest.mark.slow]
LIMITS: Mapping[str, float] = yaml.safe_load(
    (Path(engine.__file__).parent / "conf/engine/piper.yaml").read_text(encoding="utf-8")
)["constraints"]


@pytest.fixture(scope="module")
def joe() -> Model:
    return resolve_model({"source": "piper-joe"}, lambda line: None)


@pytest.fixture(scope="module")
def proof(joe: Model) -> Workload:
    """What is held out of the sentences that ship, with their references."""
    made = PiperEngine().resolve_workload({}, joe, lambda line: None).proof
    PiperEngine().prepare_quality(joe, made, lambda line: None)
    return made


@pytest.mark.parametrize(
    ("params", "cuts"),
    [
        ({"intra_op_threads": 1, "graph_optimization": "basic"}, False),
        ({"split": "clause"}, True),
        ({"first_chunk": "words"}, True),
    ],
)
def test_every_way_of_speaking_is_within_the_limits(
    joe: Model, proof: Workload, params: dict[str, Any], cuts: bool
) -> None:
    session = PiperEngine().open(joe, params)
    try:
        quality = session.quality(proof).metrics
    finally:
        session.close()
    assert not {name for name, limit in LIMITS.items() if quality.get(name, 0.0) > limit}
    assert (quality["mel_distance_db_worst"] > 1) == cuts


def test_it_streams_and_is_faster_than_it_is_heard(joe: Model, proof: Workload) -> None:
    session = PiperEngine().open(joe, {})
    try:
        (longest,) = (item for item in proof.items if item.id.startswith("long"))
        first, *_ = (session.run(longest) for _ in range(2))
    finally:
        session.close()
    assert len(first.output_times_s) > 1
    assert first.output_times_s[0] < 0.8 * first.done_s < 0.8 * first.units_out
    assert first.stall_s == 0
