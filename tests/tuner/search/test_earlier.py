"""Configurations of earlier studies that are worth a trial."""

import json
from dataclasses import replace

import pytest

from search_spaces.narrowing import narrow
from search_spaces.parameter import IntRange
from search_spaces.template import load_template
from tests.tuner.synthetic import deploy
from tuner.core.documents import dump
from tuner.search.earlier import MOST, earlier_best

SPEED = "decode_tokens_per_second"


@pytest.fixture
def space():
    return load_template("fake").bind({"cpu_cores": 8})


def study(outputs, name, params, engine="fake", objective=SPEED, gain=True, at="2026-01-01"):
    folder = outputs / name
    folder.mkdir(parents=True)
    known = deploy()
    known = replace(
        known, study=name, engine=known.engine.model_copy(update={"name": engine}), params=params,
        gain=replace(known.gain, objective=objective, significant=gain), created_at=f"{at}T00:00:00Z",
    )  # fmt: skip
    (folder / "deploy.json").write_text(json.dumps(dump(known)))


def found(outputs, space):
    return [(e.study, e.params) for e in earlier_best(outputs, "own", "fake", SPEED, space)]


def test_the_best_of_other_studies_of_the_engine(tmp_path, space):
    study(tmp_path, "a", {"threads": 6, "mode": "b"})
    study(tmp_path, "own", {"threads": 7})
    study(tmp_path, "other-engine", {"threads": 5}, engine="else")
    study(tmp_path, "no-gain", {"threads": 4}, gain=False)
    assert found(tmp_path, space) == [("a", {**space.baseline, "threads": 6, "mode": "b"})]


def test_the_same_objective_first_then_the_newest_and_each_once(tmp_path, space):
    study(tmp_path, "old", {"threads": 3}, at="2026-01-01")
    study(tmp_path, "new", {"threads": 4}, at="2026-02-01")
    study(tmp_path, "twin", {"threads": 4}, at="2025-02-01")
    study(tmp_path, "latency", {"threads": 5}, objective="ftl_ms", at="2026-03-01")
    study(tmp_path, "more", {"threads": 6}, objective="ftl_ms", at="2024-03-01")
    names = [name for name, _ in found(tmp_path, space)]
    assert names == ["new", "old", "latency"]
    assert len(names) == MOST


def test_what_has_no_place_here_is_left_out(tmp_path, space):
    narrowed = narrow(space, {"mode": "a"}, {"threads": IntRange(2, 4)}, {})
    study(tmp_path, "a", {"threads": 6, "mode": "b", "turbo": True, "level": 4, "gone": 1})
    (placed,) = found(tmp_path, narrowed)
    assert placed[1]["threads"] == narrowed.baseline["threads"]
    assert (placed[1]["mode"], placed[1]["turbo"], placed[1]["level"]) == ("a", True, 4)
    assert not narrowed.violation_degree(placed[1])


def test_a_rule_that_it_would_break_and_the_baseline_itself_are_no_proposals(tmp_path, space):
    study(tmp_path, "rule", {"mode": "c", "threads": 1})
    study(tmp_path, "same", dict(space.baseline))
    assert found(tmp_path, space) == []


def test_files_that_are_none_are_passed_over(tmp_path, space):
    for number, text in enumerate(("", "[]", '{"engine": "fake"}', '{"engine": {"name": "fake"}, "gain": 1}')):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "deploy.json").write_text(text)
    assert found(tmp_path, space) == []
    assert found(tmp_path / "none", space) == []
