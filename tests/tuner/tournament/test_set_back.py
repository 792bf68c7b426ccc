"""The winner with single changes set back, and without those that matter to nobody."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.build import build
from search_spaces.narrowing import narrow
from search_spaces.parameter import Choices, Parameter
from search_spaces.template import load_template
from tuner.core.objective import Objective
from tuner.core.params import key
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.search.posterior import Posterior
from tuner.tournament.set_back import by_harm, set_backs, without

SPACE = load_template("fake").bind({"cpu_cores": 8})
LLM = load_template("llm").bind(
    {
        "cpu_cores": 8, "gpu_count": 0, "gpu_offload": False, "numa_nodes": 1, "mmap": True, "mlock": True,
        "n_layers": 4, "quantizations": "Q4_0,Q8_0,F16", "native_quantization": "F16", "head_width_k": 64,
        "head_width_v": 64,
        "architecture": "llama", "n_ctx": 4096,
    }
)  # fmt: skip


@given(st.sampled_from([SPACE, LLM]), st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_each_is_valid_and_nearer_to_the_default(space, seed, rng):
    winner = space.random(random.Random(seed))
    order = [k.name for k in space.parameters]
    rng.shuffle(order)
    found = set_backs(space, winner, space.baseline, order)
    assert len({key(one.params) for one in found}) == len(found)
    for one in found:
        space.validate(one.params)
        assert key(one.params) not in (key(winner), key(space.baseline))
        assert one.changed == {
            n: (one.params.get(n), winner.get(n))
            for n in {**winner, **one.params}
            if one.params.get(n) != winner.get(n)
        }
        assert any(one.params.get(n) == space.baseline.get(n) for n in one.changed)
    for params in without(space, winner, space.baseline, found):
        space.validate(params)
        assert key(params) not in (key(winner), key(space.baseline))


@given(st.integers(0, 10_000))
def test_every_change_that_may_go_back_goes_back_once(seed):
    winner = SPACE.random(random.Random(seed))
    changed = {n for n, v in winner.items() if n in SPACE.baseline and SPACE.baseline[n] != v}
    if len(changed) > 1:
        assert {n for one in set_backs(SPACE, winner, SPACE.baseline) for n in one.changed} >= changed


def test_the_order_is_the_one_that_is_asked_for():
    winner = SPACE.canonical({**SPACE.baseline, "threads": 6, "mode": "b", "precision": "medium"})
    found = set_backs(SPACE, winner, SPACE.baseline, ["precision", "threads"])
    assert [list(one.changed) for one in found] == [["precision"], ["threads"], ["mode"]]


def test_knobs_that_a_rule_ties_together_go_back_together():
    """A quantized V cache needs flash attention: that goes back with it, the cache's type on its own."""
    winner = LLM.canonical({**LLM.baseline, "flash_attn": True, "type_v": "q8_0", "n_threads": 1})
    found = set_backs(LLM, winner, LLM.baseline, ["flash_attn", "type_v", "n_threads"])
    assert [sorted(one.changed) for one in found[:2]] == [["flash_attn", "type_v"], ["type_v"]]


def test_a_knob_whose_default_the_user_left_out_stays():
    space = narrow(SPACE, domains={"threads": Choices((4, 6))})
    winner = {**space.baseline, "threads": 6, "mode": "b"}
    assert [list(one.changed) for one in set_backs(space, winner, space.baseline)] == [["mode"]]


def test_without_all_idle_changes_and_without_the_least_harmful_alone():
    winner = SPACE.canonical({**SPACE.baseline, "threads": 6, "mode": "b", "precision": "medium"})
    idle = set_backs(SPACE, winner, SPACE.baseline, ["precision", "mode"])[:2]
    both, one = without(SPACE, winner, SPACE.baseline, idle)
    assert both == {**SPACE.baseline, "threads": 6}
    assert one == {**winner, "precision": "high"}


def test_without_every_change_only_the_least_harmful_goes_back():
    winner = SPACE.canonical({**SPACE.baseline, "threads": 6, "mode": "b"})
    idle = set_backs(SPACE, winner, SPACE.baseline, ["mode", "threads"])
    assert without(SPACE, winner, SPACE.baseline, idle) == [{**SPACE.baseline, "threads": 6}]


def test_what_could_be_left_out_comes_first_and_what_matters_most_last():
    """`b` is worth it beside `c` only: harm is judged where the winner is, not where the default is."""
    knobs = [Parameter(name, Choices((False, True)), False) for name in ("a", "b", "c", "d")]
    space = build("four", knobs, ())

    def speed(params):
        return (3.0 if params["c"] else 1.0) * (1.3 if params["b"] and params["c"] else 0.8 if params["b"] else 1.0)

    told = [
        TrialResult(
            n, p, TrialStatus.OK, rounds=4, metrics={"decode_tokens_per_second": MetricValue(speed(p), None, "")}
        )
        for n, p in enumerate(4 * space.enumerate(16))
    ]
    posterior = Posterior(space, Objective("decode_tokens_per_second"), told)
    order = by_harm(space, posterior, {"a": True, "b": True, "c": True, "d": False}, space.baseline)
    assert order == ["a", "b", "c"]
    assert pytest.approx(3.9) == speed({"a": True, "b": True, "c": True, "d": False})
