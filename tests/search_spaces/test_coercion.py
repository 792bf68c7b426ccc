import pytest

from search_spaces.coercion import check_legal, coerce, range_words
from search_spaces.errors import TunerError
from search_spaces.parameter import Choices, FloatRange, IntRange, Parameter, Pattern, Value

COUNT = Parameter("count", IntRange(0, 8), 2, "layers", limits=IntRange(0, 100), aliases=((-1, 100),))
SIZE = Parameter("size", FloatRange(0.5, 2.0), 1.0)
FLAG = Parameter("flag", Choices((False, True)), False)
TYPE = Parameter("type", Choices(("f16", "q8_0"), ordered=True), "f16")
SPLIT = Parameter("split", Choices(("auto", "even")), "auto", limits=Pattern(r"\d+(:\d+)+", "shares such as 3:1"))


@pytest.mark.parametrize(
    ("knob", "value", "coerced"),
    [
        (COUNT, 4.0, 4),
        (COUNT, -1, 100),
        (COUNT, -1.0, 100),
        (SIZE, 1, 1.0),
        (FLAG, True, True),
        (TYPE, "F16", "f16"),
        (SPLIT, "3:1", "3:1"),
        (SPLIT, "EVEN", "even"),
    ],
)
def test_values_become_the_type_of_the_knob(knob: Parameter, value: Value, coerced: Value) -> None:
    assert check_legal(knob, value) == coerced
    assert type(coerce(knob, value)) is type(coerced)


@pytest.mark.parametrize(
    ("knob", "value", "message"),
    [
        (COUNT, 4.5, "count=4.5: count takes a whole number"),
        (COUNT, "4", "count='4': count takes a whole number"),
        (COUNT, True, "count=true: count takes a whole number"),
        (COUNT, 101, "count=101: count must be 0..100 layers"),
        (SIZE, "big", "size='big': size takes a number"),
        (SIZE, float("inf"), "size=inf: size takes a number"),
        (SIZE, 2.5, "size=2.5: size must be 0.5..2"),
        (FLAG, 1, "flag=1: flag takes true or false"),
        (FLAG, "on", "flag='on': flag takes true or false"),
        (TYPE, 16, "type=16: type takes one of f16, q8_0"),
        (TYPE, "q4", "type='q4': type must be one of f16, q8_0"),
        (SPLIT, "a:b", "split='a:b': split must be shares such as 3:1"),
        (SPLIT, 2, "split=2: split must be shares such as 3:1"),
        (SPLIT, 2.5, "split=2.5: split takes text"),
    ],
)
def test_what_does_not_fit_is_one_line(knob: Parameter, value: Value, message: str) -> None:
    with pytest.raises(TunerError) as caught:
        check_legal(knob, value)
    assert caught.value.message == message
    assert caught.value.hint


def test_how_the_user_spelled_it_and_why_the_range_is_so() -> None:
    with pytest.raises(TunerError, match=r"^params.size=9: size must be 0\.5\.\.2 \(of this machine\)$"):
        check_legal(SIZE, 9, "params.size", "of this machine")


@pytest.mark.parametrize("text", ["4k", "4K", "4ki"])
def test_suffixes_are_written_out(text: str) -> None:
    with pytest.raises(TunerError) as caught:
        coerce(COUNT, text)
    assert caught.value.hint == "write the number in full: 4096"


def test_ranges_in_words() -> None:
    assert [range_words(k) for k in (COUNT, SIZE, FLAG, TYPE, SPLIT)] == [
        "0..100 layers", "0.5..2", "true or false", "one of f16, q8_0", "shares such as 3:1",
    ]  # fmt: skip
