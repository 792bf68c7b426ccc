import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.build import build
from search_spaces.domains import contains
from search_spaces.errors import TunerError
from search_spaces.narrowing import narrow
from search_spaces.parameter import Choices, Condition, FloatRange, IntRange, Parameter
from search_spaces.rules import AtMost, Require
from search_spaces.space import SearchSpace
from search_spaces.template import load_template
from tests.search_spaces.strategies import brute_force, spaces

ROOT = Path(__file__).parents[2]


def small(**changes: Any) -> SearchSpace:
    knobs = (
        Parameter("threads", IntRange(1, 4), 2),
        Parameter("turbo", Choices((False, True)), False),
        Parameter("level", IntRange(0, 2), 1, when=(Condition("turbo", (True,)),)),
        Parameter("mode", Choices(("a", "b", "c")), "a"),
    )
    rule = Require((Condition("mode", ("c",)),), (Condition("threads", at_least=2),), "c shares the work")
    return replace(build("small", knobs, (rule,)), **changes)


def as_set(configurations: list[dict[str, object]]) -> set[str]:
    return {json.dumps(c, sort_keys=True) for c in configurations}


@given(spaces())
def test_enumeration_is_every_valid_configuration_once(space: SearchSpace) -> None:
    found, expected = space.enumerate(100_000), brute_force(space)
    assert found is not None
    assert len(found) == len(expected) == len(as_set(found))
    assert as_set(found) == as_set(expected)
    assert space.size(len(expected)) == len(expected)
    assert space.size(len(expected) - 1) is None
    assert space.enumerate(len(expected) - 1) is None


@given(spaces(finite=False), st.integers())
def test_random_configurations_are_valid_and_canonical(space: SearchSpace, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(5):
        params = space.random(rng)
        space.validate(params)
        assert space.canonical(params) == params
        assert list(space.canonical(params)) == list(params)
        assert space.violation_degree(params) == 0
        assert not space.violations(params)


@given(spaces(), st.integers())
def test_every_configuration_can_be_drawn_at_random(space: SearchSpace, seed: int) -> None:
    everything = as_set(space.enumerate(100_000) or [])
    drawn = {json.dumps(space.random(random.Random(f"{seed} {i}")), sort_keys=True) for i in range(5)}
    assert drawn <= everything


@given(spaces(finite=False), st.integers())
def test_neighbours_are_valid_and_differ_in_one_searched_knob(space: SearchSpace, seed: int) -> None:
    params = space.random(random.Random(seed))
    neighbours = space.neighbours(params)
    assert len(as_set(neighbours)) == len(neighbours)
    for neighbour in neighbours:
        space.validate(neighbour)
        assert neighbour != params
        changed = {n for n in neighbour if n in params and neighbour[n] != params[n]}
        assert len(changed) == 1
        assert changed <= {p.name for p in space.parameters}


@given(spaces())
def test_the_baseline_is_canonical_and_breaks_no_rule(space: SearchSpace) -> None:
    assert space.canonical(space.baseline) == space.baseline
    space.validate(space.baseline)


@given(spaces(finite=False), st.randoms(use_true_random=False))
def test_the_digest_is_of_the_content_whatever_the_order(space: SearchSpace, rng: random.Random) -> None:
    knobs, rules = rng.sample(space.knobs, len(space.knobs)), rng.sample(space.rules, len(space.rules))
    again = build(space.name, knobs, rules, space.fixed, space.off, space.baseline)
    assert again.digest == space.digest


def test_the_digest_changes_with_any_range_rule_default_and_fixed_value() -> None:
    space = small()
    threads, turbo, *rest = space.knobs

    def with_threads(**changes: Any) -> SearchSpace:
        return replace(space, knobs=(replace(threads, **changes), turbo, *rest))

    rule = space.rules[0]
    assert isinstance(rule, Require)
    others = [
        with_threads(domain=IntRange(1, 5)),
        with_threads(domain=IntRange(1, 4, log=True)),
        with_threads(default=3),
        with_threads(limits=IntRange(1, 9)),
        with_threads(when=(Condition("mode", ("a",)),)),
        with_threads(domain=Choices((1, 2, 3, 4), ordered=True)),
        replace(space, rules=()),
        replace(space, rules=(replace(rule, require=(Condition("threads", at_least=3),)),)),
        replace(space, rules=(AtMost("level", "threads"),)),
        replace(space, fixed={"mode": "a"}),
        replace(space, off={"mode": "there is none"}),
        replace(space, baseline={**space.baseline, "threads": 3}),
    ]
    assert len({space.digest, *(o.digest for o in others)}) == len(others) + 1
    assert with_threads(help="explained better", unit="cores").digest == space.digest


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_digest_is_the_same_in_every_process(hash_seed: str) -> None:
    program = "from search_spaces.template import load_template as t; print(t('llm').bind({'cpu_cores': 4}).digest)"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert told.stdout.strip() == load_template("llm").bind({"cpu_cores": 4}).digest


def test_canonical_drops_inactive_knobs_fills_missing_ones_and_makes_types_right() -> None:
    space = small()
    assert space.canonical({"level": 2, "threads": 3.0}) == {"threads": 3, "turbo": False, "mode": "a"}
    assert type(space.canonical({"threads": 3.0})["threads"]) is int
    assert space.canonical({"turbo": True, "mode": "B"}) == {"threads": 2, "turbo": True, "level": 1, "mode": "b"}


def test_canonical_fills_with_the_searched_value_nearest_to_the_default() -> None:
    space = narrow(small(), domains={"threads": IntRange(3, 4)})
    assert space.baseline["threads"] == 2
    assert space.canonical({})["threads"] == 3


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"thread": 2}, "unknown knob 'thread'"),
        ({"threads": 5}, "threads=5: threads must be 1..4"),
        ({"threads": "two"}, "threads='two': threads takes a whole number"),
        ({"threads": True}, "threads=true: threads takes a whole number"),
        ({"mode": "d"}, "mode='d': mode must be one of a, b, c"),
        ({"turbo": 1}, "turbo=1: turbo takes true or false"),
        ({"threads": 1, "mode": "c"}, "mode=c requires threads at least 2 (is 1): c shares the work"),
    ],
)
def test_what_cannot_run_is_refused_in_one_line(params: dict[str, Any], message: str) -> None:
    with pytest.raises(TunerError) as caught:
        small().validate(params)
    assert caught.value.message == message
    assert caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


def test_unknown_knobs_come_with_the_nearest_match() -> None:
    with pytest.raises(TunerError) as caught:
        small().canonical({"thread": 2})
    assert "did you mean 'threads'?" in caught.value.hint


def test_the_baseline_may_lie_outside_of_the_searched_range() -> None:
    space = narrow(small(), domains={"threads": IntRange(3, 4)})
    space.validate(space.baseline)
    assert {n["threads"] for n in space.neighbours(space.baseline) if n["threads"] != 2} == {3}


def test_violations_are_graded() -> None:
    rule = AtMost("small", "large", "pieces of it")
    numbers = Choices((1, 2, 4, 8), ordered=True)
    space = build("s", (Parameter("small", numbers, 1), Parameter("large", numbers, 2)), (rule,))
    degrees = [space.violation_degree({"small": s, "large": 2}) for s in (1, 2, 4, 8)]
    assert degrees[:2] == [0, 0]
    assert 0 < degrees[2] < degrees[3]
    assert space.violations({"small": 4, "large": 2}) == ["small=4 is above large=2: pieces of it"]


def test_a_continuous_range_is_not_enumerated_but_a_point_is() -> None:
    def space(high: float) -> SearchSpace:
        return build("s", (Parameter("x", FloatRange(1.0, high), 1.0), Parameter("on", Choices((False, True)), False)))

    assert space(2.0).size(10**6) is None
    assert space(2.0).enumerate(10**6) is None
    assert space(1.0).size(10) == 2


def test_rules_too_tight_for_chance_still_give_random_configurations() -> None:
    wide = IntRange(1, 100_000)
    space = build("s", (Parameter("a", wide, 1), Parameter("b", wide, 1), Parameter("c", wide, 1)), (
        AtMost("a", "b"), AtMost("b", "a"), AtMost("b", "c"), AtMost("c", "b"),
    ))  # fmt: skip
    params = space.random(random.Random(0))
    assert params["a"] == params["b"] == params["c"]


def test_random_values_spread_over_the_range_and_its_logarithm() -> None:
    space = build("s", (
        Parameter("even", IntRange(1, 10), 1), Parameter("log", FloatRange(0.01, 100.0, log=True), 1.0),
        Parameter("log_int", IntRange(1, 1000, log=True), 1),
    ))  # fmt: skip
    rng = random.Random(3)
    drawn = [space.random(rng) for _ in range(2000)]
    counts = [sum(d["even"] == v for d in drawn) for v in range(1, 11)]
    assert min(counts) > 140
    assert max(counts) < 260
    assert 0.45 < sum(float(d["log"]) < 1 for d in drawn) / 2000 < 0.55
    assert 0.4 < sum(float(d["log_int"]) < 32 for d in drawn) / 2000 < 0.65


def test_long_ranges_have_far_neighbours_too() -> None:
    space = build("s", (Parameter("n", IntRange(0, 160), 0), Parameter("m", IntRange(1, 4096, log=True), 1)))
    values = {n["n"] for n in space.neighbours({"n": 80, "m": 64})}
    assert values >= {79, 81, 70, 90}
    assert {n["m"] for n in space.neighbours({"n": 80, "m": 64})} >= {63, 65, 108, 38}
    assert all(contains(space.parameter("n").domain, v) for v in values)
