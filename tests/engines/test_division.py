"""Thirds by a stable hash: what is divided, what moves, and what is too little."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from engines.division import LEAST, divide, divide_alike, too_few

texts = st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=60)


@given(texts)
def test_every_item_is_in_one_part_and_in_its_order(items: list[str]) -> None:
    searched, held_out = divide(items, str)
    assert sorted([*searched, *held_out]) == sorted(items)
    assert [item for item in items if item in searched] == searched
    assert bool(held_out) == (len(items) >= LEAST)


@given(texts.filter(lambda items: len(items) >= LEAST))
def test_a_third_is_searched_on(items: list[str]) -> None:
    searched, held_out = divide(items, str)
    assert abs(len(searched) - len(items) / 3) <= 0.5
    assert searched
    assert len(held_out) > len(searched)


@given(texts.filter(lambda items: len(items) >= LEAST), st.text(min_size=13, max_size=20))
def test_an_item_that_is_added_moves_one_other_at_the_most(items: list[str], added: str) -> None:
    before, _ = divide(items, str)
    after, _ = divide([*items, added], str)
    assert len(set(before) - set(after)) <= 1


@given(texts, st.randoms())
def test_the_order_that_items_come_in_does_not_matter(items: list[str], random: Random) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)
    assert set(divide(items, str)[0]) == set(divide(shuffled, str)[0])


def test_what_is_too_little_is_said_with_how_much_is_needed() -> None:
    assert "3 prompts" in too_few(3, "prompts")
    assert str(LEAST) in too_few(3, "prompts")


@given(texts, st.integers(1, 3))
def test_what_is_there_twice_is_on_one_side_only(items: list[str], times: int) -> None:
    for searched, held_out in (divide(items * times, str), divide_alike(items * times, str, len)):
        assert not set(searched) & set(held_out)
        assert sorted([*searched, *held_out]) == sorted(items * times)


def test_copies_of_one_item_are_too_little_to_hold_any_out() -> None:
    assert divide(["hello"] * 9, str) == (["hello"] * 9, [])
    assert divide_alike(["hello"] * 3, str, len) == (["hello"] * 3, [])
