"""The way from the default to the winner, and what each change on it brought."""

import json
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines import fake
from search_spaces.build import build
from search_spaces.parameter import Choices, Parameter
from search_spaces.template import load_template
from tests.tuner.fake_executor import SPEED, FakeExecutor
from tests.tuner.tournament.tournaments import played
from tuner.core.documents import dump, load
from tuner.core.explanation import Attribution, Step
from tuner.core.objective import Objective
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.search.posterior import Posterior
from tuner.study.explanation import _idle
from tuner.tournament.attribution import BLOCKS, _step, attribute, brought_nothing, by_worth, path

pytestmark = pytest.mark.usefixtures("_simulated_unless_real")
SPACE = load_template("fake").bind({"cpu_cores": 8})
LLM = load_template("llm").bind(
    {
        "cpu_cores": 8, "gpu_count": 0, "gpu_offload": False, "numa_nodes": 1, "mmap": True, "mlock": True,
        "n_layers": 4, "quantizations": "Q4_0,Q8_0,F16", "native_quantization": "F16", "head_width_k": 64,
        "head_width_v": 64,
        "architecture": "llama", "n_ctx": 4096,
    }
)  # fmt: skip


def changes(one, other):
    return [n for n in {**one, **other} if one.get(n) != other.get(n)]


@given(st.sampled_from([SPACE, LLM]), st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_a_path_is_valid_and_leads_from_one_end_to_the_other(space, seed, rng):
    start, end = space.random(random.Random(seed)), space.random(random.Random(seed + 1))
    order = [k.name for k in space.parameters]
    rng.shuffle(order)
    ways = path(space, start, end, order)
    assert (ways[0], ways[-1]) == (start, end)
    for way in ways:
        space.validate(way)
    left = [len(changes(way, end)) for way in ways]
    assert left == sorted(left, reverse=True)
    assert len(set(left)) == len(left)


def test_changes_are_made_in_the_order_that_is_asked_for():
    end = SPACE.canonical({**SPACE.baseline, "threads": 6, "mode": "b", "precision": "medium"})
    ways = path(SPACE, SPACE.baseline, end, ["precision", "threads"])
    steps = [changes(a, b) for a, b in pairwise(ways)]
    assert steps == [["precision"], ["threads"], ["mode"]]


def test_knobs_that_a_rule_ties_together_change_together():
    """A quantized V cache needs flash attention: on the way back both go, or flash attention after the cache's type."""
    start = LLM.canonical({**LLM.baseline, "flash_attn": True, "type_v": "q8_0"})
    ways = path(LLM, start, LLM.baseline, ["flash_attn", "type_v"])
    assert [changes(a, b) for a, b in pairwise(ways)] == [["type_v"], ["flash_attn"]]


def brought(script, order=(), **more):
    """What `attribute` finds on the way from the default to a winner; a configuration's number is its place on it."""
    end = SPACE.canonical({**SPACE.baseline, "threads": 6, "mode": "b", "precision": "medium"})
    ways = path(SPACE, SPACE.baseline, end, order)
    executor = FakeExecutor(lambda place, run: script(ways[place], run), **more)
    blocks = []
    steps = attribute(executor, Objective(SPEED), ways, lambda *told: blocks.append(told))
    return steps, ways, blocks, executor


def test_what_each_change_brings_is_measured():
    steps, ways, blocks, executor = brought(lambda params, run: fake.speed(params))
    assert blocks == [(n, BLOCKS) for n in range(1, BLOCKS + 1)]
    assert len(executor.runs) == BLOCKS * len(ways)
    assert not any(plan.cold_load for _, plan in executor.runs)
    for step, before, after in zip(steps, ways, ways[1:], strict=False):
        assert step.ratio == pytest.approx(fake.speed(after) / fake.speed(before))
        assert list(step.changed) == changes(before, after)
        assert step.ci95[0] <= step.ratio <= step.ci95[1]


def test_a_step_that_fails_says_why_and_the_others_stand():
    def script(params, run):
        broken = params["mode"] == "b" and params["precision"] == "high"
        return "killed by SIGSEGV" if broken else fake.speed(params)

    (first, *broken), _, _, executor = brought(script, ["threads", "mode", "precision"])
    assert first.ratio == pytest.approx(3**0.5)
    assert [(step.ratio, step.failure) for step in broken] == [(None, "killed by SIGSEGV")] * 2
    assert executor.numbers().count(2) == 2, "once more, and then no longer"


def test_disturbed_rounds_are_played_again_as_many_as_half_of_all():
    _, ways, _, executor = brought(lambda params, run: 100.0, disturbed=lambda run: True)
    assert len(executor.runs) == BLOCKS * len(ways) * 3 // 2


def test_an_attribution_is_read_as_it_was_written():
    steps, *_ = brought(lambda params, run: fake.speed(params))
    document = Attribution(7, SPEED, steps)
    assert load(Attribution, json.loads(json.dumps(dump(document)))) == document


def test_what_matters_most_changes_first_and_what_could_be_left_out_last():
    """`b` is worth it in its level only: the order is that of the effects at the end of the way, not at its start."""
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
    posterior = Posterior(space, Objective(SPEED), told)
    order = by_worth(posterior, space.baseline, {"a": True, "b": True, "c": True, "d": False})
    assert order == ["c", "b", "a"]


def test_changes_that_brought_nothing_are_named_as_what_leaves_them_out():
    steps = [
        Step({"n_batch": (512, 128)}, {}, 0.96, (0.89, 1.04), 4),
        Step({"n_ubatch": (512, 128)}, {}, 0.96, (0.81, 1.14), 4),
        Step({"use_mmap": (True, False)}, {}, 0.9, (0.88, 0.92), 4),
        Step({"quantization": ("F16", "Q6_K")}, {}, 1.8, (1.7, 1.9), 4),
        Step({"n_threads": (1, 2)}, {}, 1.27, (0.97, 1.65), 4),
        Step({"mode": ("a", "b")}, {}, None, None, 0, "gone"),
    ]
    assert _idle(steps) == "params.n_batch=512 params.use_mmap=true", "of n_ubatch it is not known"


def test_a_burst_in_a_round_does_not_make_a_change_look_idle():
    """A fifth more in each pair but one, in which others made the changed one 20 times slower."""

    def walker(speed, busy=()):
        return played(-1, [speed / (20 if block in busy else 1) for block in range(4)], busy, x=speed)

    step = _step(walker(100.0), walker(120.0, busy=(2,)), Objective(SPEED))
    assert step.pairs == 3
    assert step.ratio == pytest.approx(1.2)
    assert not brought_nothing(step)
