"""What people run who tune nothing, and knobs that are searched only where the user asks for it."""

import pytest

from search_spaces.errors import TunerError
from search_spaces.narrowing import narrow
from search_spaces.parameter import Choices
from search_spaces.template import Template, load_template

TEXT = """
name: sample
facts:
  cores: {type: int, help: cores}
knobs:
  threads: {type: int, low: 1, high: {fact: cores}, default: 1, stock: {fact: cores}, help: threads}
  batch: {type: choice, choices: [32, 64], legal: {low: 1, high: 4096}, default: 32, stock: 2048, help: batch}
  fused: {type: bool, default: false, stock: true, when: {threads: {at_least: 2}}, help: fused}
  cut: {type: bool, default: false, only_asked: it cuts long answers, help: cut}
"""
SPACE = Template.from_text(TEXT, "FILE").bind({"cores": 4})


def test_stock_is_the_baseline_with_the_stock_values_even_beyond_what_is_searched() -> None:
    assert SPACE.stock_configuration() == {"threads": 4, "batch": 2048, "fused": True, "cut": False}
    SPACE.validate({**SPACE.baseline, "batch": 2048})


def test_what_the_user_fixed_is_fixed_in_stock_too() -> None:
    narrowed = narrow(SPACE, {"threads": 1})
    assert narrowed.stock_configuration() == {"threads": 1, "batch": 2048, "cut": False}


def test_a_space_without_stock_values_has_the_baseline_as_stock() -> None:
    space = load_template("fake").bind({"cpu_cores": 2})
    assert space.stock_configuration() == dict(space.baseline)


def test_where_a_rule_forbids_the_stock_values_the_baseline_stands() -> None:
    text = TEXT + "rules:\n  - {when: {fused: true}, require: {batch: [32]}, because: so it is}\n"
    space = Template.from_text(text, "FILE").bind({"cores": 4})
    assert space.stock_configuration() == dict(space.baseline)


def test_stock_makes_no_other_space() -> None:
    other = Template.from_text(TEXT.replace("stock: 2048", "stock: 1024"), "FILE").bind({"cores": 4})
    assert other.digest == SPACE.digest


def test_a_stock_value_that_nobody_may_have_is_an_error_of_the_file() -> None:
    with pytest.raises(TunerError, match="stock"):
        Template.from_text(TEXT.replace("stock: 2048", "stock: 9999"), "FILE").bind({"cores": 4})


def test_an_engine_may_put_values_that_fit_here_into_stock() -> None:
    fitted = SPACE.with_stock({"threads": 2}, "two are enough")
    assert fitted.stock_configuration() == {"threads": 2, "batch": 2048, "fused": True, "cut": False}
    assert (fitted.digest, fitted.notes) == (SPACE.digest, ("two are enough",))
    assert narrow(fitted, {"threads": 1}).stock_configuration()["threads"] == 1
    with pytest.raises(TunerError, match="stock"):
        SPACE.with_stock({"batch": 9999})


def test_a_knob_that_must_be_asked_for_is_held_at_its_default_and_says_how_to_ask() -> None:
    assert "cut" not in {k.name for k in SPACE.parameters}
    assert SPACE.baseline["cut"] is False
    assert "space.cut=" in SPACE.off["cut"]
    assert "it cuts long answers" in SPACE.off["cut"]


def test_it_is_searched_or_fixed_where_the_user_asks() -> None:
    swept = narrow(SPACE, domains={"cut": Choices((False, True))})
    assert "cut" in {k.name for k in swept.parameters}
    assert narrow(SPACE, {"cut": True}).fixed["cut"] is True


def test_llama_cpp_stock_is_what_a_server_does() -> None:
    facts = {
        "cpu_cores": 8, "default_n_threads": 4, "default_n_threads_batch": 8, "stock_n_threads": 6, "n_layers": 12,
        "gpu_offload": True, "gpu_count": 1, "longest_prompt": 200,
    }  # fmt: skip
    stock = load_template("llm").bind(facts).stock_configuration()
    assert (stock["n_threads"], stock["n_threads_batch"]) == (6, 6)
    assert (stock["flash_attn"], stock["n_gpu_layers"]) == (True, 13)
    assert (stock["n_batch"], stock["n_ubatch"]) == (2048, 512)
