from types import SimpleNamespace

import pytest

from benchmarks.decisions_under_noise import EQUAL, SIZES, SPACE, configuration, grid_of, right
from search_spaces.narrowing import narrow
from search_spaces.template import load_template
from tuner.core.params import key

FACTS = {
    "cpu_cores": 2, "default_n_threads": 1, "default_n_threads_batch": 2, "longest_prompt": 30, "n_layers": 4,
    "quantizations": "Q4_K_M,Q8_0,F16",
}  # fmt: skip


@pytest.fixture
def prepared(tmp_path):
    """By name, what stands for the prepared study of each space: the space alone."""

    def bound(overrides):
        config = configuration(overrides, tmp_path, "s")
        space = load_template("llm").bind(FACTS)
        return SimpleNamespace(space=narrow(space, config.params, config.space, config.baseline))

    return {"ours": bound(SPACE), "equal": bound(EQUAL)}


def test_the_spaces_are_as_large_as_is_meant(prepared):
    for name, one in prepared.items():
        assert len(grid_of(one, SIZES[name])) == SIZES[name]


def test_equals_that_count_as_one_configuration_would_be_noticed(prepared):
    with pytest.raises(ValueError, match="meant to have 4 configurations, and has 3"):
        grid_of(prepared["equal"], 4)


def test_of_equals_one_batch_at_most_exceeds_the_longest_prompt(prepared):
    grid = grid_of(prepared["equal"], SIZES["equal"])
    assert sum(params["n_batch"] >= FACTS["longest_prompt"] for params in grid) == 1
    assert {params["n_ubatch"] for params in grid} == {8}


def test_a_choice_is_right_within_3_percent_of_the_best():
    best, near, far = {"n_threads": 2}, {"n_threads": 1}, {"n_threads": 3}
    truth = {key(best): 100.0, key(near): 97.5, key(far): 96.0}
    assert right([best, near, far, {"n_threads": 4}], truth) == 2
