import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.build import build
from search_spaces.domains import contains
from search_spaces.errors import TunerError
from search_spaces.narrowing import narrow
from search_spaces.parameter import Choices, Condition, Domain, FloatRange, IntRange, Parameter, Value
from search_spaces.rules import AtMost, Require
from search_spaces.space import SearchSpace
from search_spaces.template import load_template
from tests.search_spaces.strategies import example_value, spaces


def llm(**facts: Value) -> SearchSpace:
    return load_template("llm").bind({"cpu_cores": 4, **facts})


def refused(space: SearchSpace, **wishes: Any) -> TunerError:
    with pytest.raises(TunerError) as caught:
        narrow(space, **wishes)
    assert "\n" not in caught.value.message + caught.value.hint
    return caught.value


@given(spaces(finite=False), st.data())
def test_a_fixed_knob_has_its_value_wherever_it_is_active(space: SearchSpace, data: st.DataObject) -> None:
    knob = data.draw(st.sampled_from([k for k in space.knobs if k.name not in space.off] or [space.knobs[0]]))
    value = data.draw(example_value(knob.domain))
    try:
        narrowed = narrow(space, {knob.name: value})
    except TunerError:
        return
    assert knob.name not in {p.name for p in narrowed.parameters}
    rng = random.Random(0)
    for params in [narrowed.baseline, *(narrowed.random(rng) for _ in range(5))]:
        assert params.get(knob.name, value) == value
    narrowed.validate(narrowed.baseline)


@given(spaces(finite=False), st.data())
def test_a_swept_knob_stays_in_its_range_and_keeps_the_default(space: SearchSpace, data: st.DataObject) -> None:
    searched = [p for p in space.parameters if p.name not in space.fixed]
    if not searched:
        return
    knob = data.draw(st.sampled_from(searched))
    chosen = data.draw(st.lists(example_value(knob.domain), min_size=1, max_size=3, unique=True))
    try:
        narrowed = narrow(space, domains={knob.name: Choices(tuple(chosen))})
    except TunerError:
        return
    domain = narrowed.parameter(knob.name).domain
    assert {v for v in chosen if contains(domain, v)} == set(chosen)
    for _ in range(5):
        params = narrowed.random(random.Random(1))
        assert knob.name not in params or params[knob.name] in chosen
    if knob.name in narrowed.baseline:
        assert narrowed.baseline[knob.name] == space.baseline.get(knob.name, knob.default)


def test_nothing_asked_changes_nothing() -> None:
    space = llm()
    narrowed = narrow(space, {}, {}, {})
    assert narrowed.baseline == space.baseline
    assert [(p.name, p.domain) for p in narrowed.parameters] == [(p.name, p.domain) for p in space.parameters]


def test_fixed_in_the_baseline_unless_the_user_says_otherwise() -> None:
    assert narrow(llm(), {"n_threads": 3}).baseline["n_threads"] == 3
    both = narrow(llm(), {"n_threads": 3}, baseline={"n_threads": 1})
    assert both.baseline["n_threads"] == 1
    assert both.random(random.Random(0))["n_threads"] == 3


def test_more_threads_than_cores_may_be_asked_for() -> None:
    assert narrow(llm(), {"n_threads": 6}).baseline["n_threads"] == 6
    assert narrow(llm(), domains={"n_threads": IntRange(1, 8)}).parameter("n_threads").domain == IntRange(1, 8)
    assert llm().parameter("n_threads").domain == IntRange(1, 4)


def test_a_fixed_value_moves_the_baseline_where_rules_demand_it_and_says_so() -> None:
    narrowed = narrow(llm(), {"type_v": "q8_0"})
    assert narrowed.baseline["flash_attn"] is True
    assert narrowed.baseline["n_batch"] == 512
    assert narrowed.notes == (
        "baseline: flash_attn=true instead of false, because type_v=q8_0 requires flash_attn=true (is false): "
        "llama.cpp quantizes the value cache with flash attention only",
    )
    assert narrow(llm(), {"n_batch": 100}).baseline["n_ubatch"] == 100
    assert narrow(llm(), baseline={"n_batch": 64}).baseline["n_ubatch"] == 64


def test_what_the_user_sets_in_the_baseline_is_not_moved() -> None:
    error = refused(llm(), params={"type_v": "q8_0"}, baseline={"flash_attn": False})
    assert error.message.startswith("the baseline breaks a rule: type_v=q8_0 requires flash_attn=true (is false)")


def test_an_off_knob_takes_its_default_only() -> None:
    space = llm()
    same = narrow(space, {"n_gpu_layers": 0})
    assert same.digest == narrow(space).digest
    assert "n_gpu_layers" not in same.baseline
    error = refused(space, params={"n_gpu_layers": 5})
    assert error.message.startswith(
        "params.n_gpu_layers=5: n_gpu_layers is off here: this build of llama.cpp has no GPU"
    )
    swept = refused(space, domains={"n_gpu_layers": IntRange(0, 4)})
    assert swept.message.startswith("space.n_gpu_layers: n_gpu_layers is off here")
    assert refused(space, baseline={"numa": "isolate"}).message.startswith("baseline.numa=isolate: numa is off here")


def test_a_knob_with_one_value_here_can_be_given_another_legal_one() -> None:
    one_core = llm(cpu_cores=1)
    assert one_core.fixed["n_threads"] == 1
    narrowed = narrow(one_core, {"n_threads": 2}, {"n_threads_batch": IntRange(1, 2)})
    assert narrowed.fixed["n_threads"] == 2
    assert "n_threads" not in narrowed.off
    assert "n_threads_batch" in {p.name for p in narrowed.parameters}
    assert narrowed.baseline["n_threads_batch"] == 1


def test_a_quantized_model_fixes_that_knob_with_the_reason() -> None:
    space = llm(quantizations="Q5_0", native_quantization="Q5_0")
    assert space.baseline["quantization"] == "Q5_0"
    error = refused(space, params={"quantization": "F16"})
    assert "the model comes in one precision (Q5_0)" in error.message


def test_all_layers_may_be_written_as_minus_one() -> None:
    space = llm(gpu_offload=True, gpu_count=1, n_layers=12)
    assert narrow(space, {"n_gpu_layers": -1}).baseline["n_gpu_layers"] == 13
    assert space.canonical({"n_gpu_layers": -1})["n_gpu_layers"] == 13


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"params": {"n_thread": 1}}, "unknown knob 'n_thread'"),
        ({"domains": {"n_thread": IntRange(1, 2)}}, "unknown knob 'n_thread'"),
        ({"baseline": {"n_thread": 1}}, "unknown knob 'n_thread'"),
        ({"params": {"n_threads": 0}}, "params.n_threads=0: n_threads must be 1..512 threads"),
        ({"params": {"n_batch": "4k"}}, "params.n_batch='4k': n_batch takes a whole number"),
        ({"params": {"n_batch": 8192}}, "params.n_batch=8192: n_batch must be 1..4096 tokens"),
        ({"params": {"flash_attn": "yes"}}, "params.flash_attn='yes': flash_attn takes true or false"),
        ({"params": {"quantization": 4}}, "params.quantization=4: quantization takes one of Q4_0, Q4_K_M"),
        ({"params": {"n_threads": float("nan")}}, "params.n_threads=nan: n_threads takes a whole number"),
        ({"domains": {"n_threads": IntRange(0, 4)}}, "space.n_threads=0: n_threads must be 1..512 threads"),
        ({"domains": {"n_threads": IntRange(4, 1)}}, "space.n_threads: the range 4..1 is empty"),
        ({"domains": {"n_threads": Choices(())}}, "space.n_threads: no value to choose from"),
        ({"domains": {"flash_attn": IntRange(0, 1)}}, "space.flash_attn: a range does not apply to flash_attn"),
        ({"domains": {"type_k": Choices(("f16", "f32"))}}, "space.type_k='f32': type_k must be one of q4_0, q8_0, f16"),
        (
            {"params": {"n_threads": 1}, "domains": {"n_threads": IntRange(1, 2)}},
            "n_threads is fixed by params.n_threads",
        ),
    ],
)
def test_a_wish_that_cannot_be_met_is_one_clear_line(wishes: dict[str, dict[str, object]], message: str) -> None:
    error = refused(llm(), **wishes)
    assert error.message.startswith(message)
    assert error.hint


def test_a_suffixed_number_is_written_out_in_the_hint() -> None:
    assert refused(llm(), params={"n_batch": "4k"}).hint == "write the number in full: 4096"


def test_contradictory_rules_are_named_with_the_values() -> None:
    fixed = refused(llm(), params={"type_v": "q8_0", "flash_attn": False})
    assert fixed.message == (
        "no valid configuration is left: flash_attn=true is required when type_v=q8_0 or q4_0: llama.cpp quantizes the "
        "value cache with flash attention only; but flash_attn=false, type_v=q8_0"
    )
    swept = refused(llm(), domains={"n_ubatch": Choices((1024, 2048)), "n_batch": IntRange(32, 64)})
    assert "n_ubatch must be at most n_batch" in swept.message
    assert "n_batch=32..64, n_ubatch=1024, 2048" in swept.message
    assert "flash" not in swept.message


def test_knobs_put_out_of_use_by_another_wish() -> None:
    fake = load_template("fake").bind({})
    error = refused(fake, params={"level": 3, "turbo": False})
    assert (
        error.message == "level was set but has no effect: it is used only when turbo=true, and turbo is fixed at false"
    )
    assert narrow(fake, {"turbo": False}).off == {"level": "used only when turbo=true, and turbo is fixed at false"}
    idle = refused(fake, baseline={"level": 3})
    assert idle.message == "baseline.level has no effect: it is used only when turbo=true, and the baseline is not so"
    assert narrow(fake, baseline={"level": 3, "turbo": True}).baseline["level"] == 3


@pytest.mark.parametrize(
    ("knob", "asked", "fitted"),
    [
        ("count", FloatRange(1.0, 8.0), IntRange(1, 8)),
        ("count", FloatRange(1.0, 8.0, log=True), IntRange(1, 8, log=True)),
        ("count", Choices((4, 1, 2.0, 4)), Choices((1, 2, 4), ordered=True)),
        ("count", IntRange(1, 8, 3), IntRange(1, 7, 3)),
        ("size", IntRange(1, 3), Choices((1.0, 2.0, 3.0), ordered=True)),
        ("size", IntRange(1, 3, log=True), FloatRange(1.0, 3.0, log=True)),
        ("size", Choices((2, 1)), Choices((1.0, 2.0), ordered=True)),
        ("power", IntRange(2, 8), Choices((2, 4, 8), ordered=True)),
        ("power", FloatRange(1.5, 5.0), Choices((2, 4), ordered=True)),
        ("grade", Choices(("HIGH", "low")), Choices(("low", "high"), ordered=True)),
        ("name", Choices(("b", "a")), Choices(("b", "a"))),
    ],
)
def test_ranges_are_fitted_to_the_type_and_order_of_the_knob(knob: str, asked: Domain, fitted: Domain) -> None:
    knobs = (
        Parameter("count", IntRange(1, 16), 1), Parameter("size", FloatRange(0.5, 8.0), 1.0),
        Parameter("power", Choices((1, 2, 4, 8), ordered=True), 1), Parameter("name", Choices(("a", "b", "c")), "a"),
        Parameter("grade", Choices(("low", "mid", "high"), ordered=True), "low"),
    )  # fmt: skip
    narrowed = narrow(build("s", knobs), domains={knob: asked})
    assert narrowed.parameter(knob).domain == fitted


def test_a_range_between_the_choices_is_refused() -> None:
    space = build("s", (Parameter("power", Choices((1, 2, 4, 8), ordered=True), 1),))
    assert refused(space, domains={"power": IntRange(5, 7)}).message == ("space.power: none of 1, 2, 4, 8 lies in 5..7")
    assert "space.power=choice(1,2,4)" in refused(space, domains={"power": IntRange(5, 7)}).hint


def test_a_narrowed_space_can_be_widened_again_to_what_is_legal() -> None:
    once = narrow(llm(), domains={"n_threads": IntRange(1, 2)})
    assert narrow(once, domains={"n_threads": IntRange(1, 4)}).parameter("n_threads").domain == IntRange(1, 4)


def test_a_repair_changes_as_few_knobs_as_will_do() -> None:
    numbers = Choices((1, 2, 4, 8), ordered=True)
    knobs = [Parameter(n, numbers, 1) for n in ("a", "b", "c")] + [Parameter("go", Choices((False, True)), False)]
    rules = (AtMost("a", "b"), AtMost("b", "c"), Require((Condition("go", (True,)),), (Condition("c", at_least=4),)))
    space = build("s", knobs, rules)
    assert narrow(space, {"a": 2}).baseline == {"a": 2, "b": 2, "c": 2, "go": False}
    assert narrow(space, {"go": True}).baseline == {"a": 1, "b": 1, "c": 4, "go": True}


def test_a_repair_prefers_one_change_to_a_chain_of_them() -> None:
    numbers = Choices((1, 2, 4, 8), ordered=True)
    knobs = [Parameter(n, numbers, d) for n, d in (("b", 1), ("d", 4))]
    knobs += [Parameter("a", Choices((1, 2, 4), ordered=True), 4), Parameter("go", Choices((False, True)), False)]
    chain = Require((Condition("go", (True,)), Condition("a", (4,))), (Condition("b", at_least=8),))
    space = build("s", knobs, (chain, AtMost("d", "a")))
    assert narrow(space, {"go": True}).baseline == {"a": 4, "b": 8, "d": 4, "go": True}
