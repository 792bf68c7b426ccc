from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.embedded.grammar import expand, with_article

PLAIN = st.text(st.characters(blacklist_characters="[]{}|", blacklist_categories=("Cs",)), max_size=12)
TEMPLATES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda parts: "[" + "|".join(parts) + "]")
)


@given(PLAIN)
def test_plain_text_stays(text: str) -> None:
    assert expand(text, {}, random.Random(0)) == text


@given(st.lists(TEMPLATES, max_size=4), st.integers())
def test_choices_leave_no_syntax_and_repeat_with_the_seed(parts: list[str], seed: int) -> None:
    template = "".join(parts)
    first = expand(template, {}, random.Random(seed))
    assert not set(first) & set("[]|")
    assert expand(template, {}, random.Random(seed)) == first


def test_every_alternative_is_reached() -> None:
    rng = random.Random(0)
    assert {expand("[a|b[c|d]|]!", {}, rng) for _ in range(200)} == {"a!", "bc!", "bd!", "!"}


def test_slots_and_their_forms() -> None:
    slots = {"animal": "owl", "thing": "old map"}
    assert expand("{cap:animal} has {a:thing}, not {a:animal}: {thing}", slots, random.Random(0)) == (
        "Owl has an old map, not an owl: old map"
    )
    assert with_article("fox") == "a fox"


def test_an_unknown_slot_is_an_error() -> None:
    with pytest.raises(KeyError, match="nobody"):
        expand("{nobody}", {}, random.Random(0))


@pytest.mark.parametrize("template", ["[a|b", "a [b [c]"])
def test_unbalanced_brackets_are_an_error(template: str) -> None:
    with pytest.raises(ValueError, match="unbalanced"):
        expand(template, {}, random.Random(0))
