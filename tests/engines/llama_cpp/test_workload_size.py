"""How much of the tool's prompts a round takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.llama_cpp.workload_size import SIZES, chosen_size
from search_spaces.errors import TunerError

TOKENS = [40, 200, 450]


@pytest.mark.parametrize(
    ("parameters", "cores", "size"),
    [
        (114_000_000, 2, "full"),
        (250_000_000, 2, "short"),
        (1_000_000_000, 2, "brief"),
        (1_000_000_000, 16, "full"),
        (8_000_000_000, 8, "brief"),
        (70_000_000_000, 64, "brief"),
    ],
)
def test_a_round_takes_seconds_on_the_machine_at_hand(parameters: int, cores: int, size: str) -> None:
    chosen, note = chosen_size("auto", TOKENS, None, parameters, cores)
    assert chosen == SIZES[size]
    assert ("workload.size=full" in note) == (size != "full")


def test_the_note_says_what_the_verdict_rests_on() -> None:
    note = chosen_size("auto", TOKENS, None, 8_000_000_000, 8)[1]
    assert note.startswith("the verdict will rest on 1 request, answered by at most 16 tokens, because ")
    assert "workload.prompts=FILE takes your own" in note
    assert "rest on 2 requests, answered by at most 32 tokens" in chosen_size("auto", TOKENS, None, 250_000_000, 2)[1]


def test_a_size_that_is_asked_for_is_taken_as_it_is() -> None:
    assert chosen_size("full", TOKENS, None, 70_000_000_000, 1) == (SIZES["full"], "")


def test_an_unknown_size_names_the_nearest() -> None:
    with pytest.raises(TunerError, match=r"workload.size.*'breif'") as caught:
        chosen_size("breif", TOKENS, None, 1, 1)
    assert "brief" in caught.value.hint


@given(st.integers(1, 10**12), st.integers(1, 10**12), st.integers(1, 256))
def test_a_larger_model_never_gets_more_work(one: int, other: int, cores: int) -> None:
    small, large = sorted((one, other))
    first, second = (chosen_size(None, TOKENS, None, n, cores)[0] for n in (small, large))
    assert (first.prompts, first.max_tokens) >= (second.prompts, second.max_tokens)
