import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.errors import TunerError
from search_spaces.parameter import Choices, Domain, FloatRange, IntRange, Parameter
from search_spaces.sweep_syntax import format_domain, parse_domain

THREADS = Parameter("n_threads", IntRange(1, 8), 4, unit="threads", limits=IntRange(1, 512))
SCALE = Parameter("scale", FloatRange(0.1, 10.0, log=True), 1.0)
FLAG = Parameter("flash_attn", Choices((False, True)), False)
TYPE = Parameter("type_k", Choices(("q4_0", "q8_0", "f16"), ordered=True), "f16")


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("choice(true,false)", Choices((True, False))),
        ("true", Choices((True,))),
        ("range(1,9)", IntRange(1, 8)),
        ("range(9)", IntRange(0, 8)),
        ("range(1,9,3)", IntRange(1, 7, 3)),
        ("range(1,8,3)", IntRange(1, 7, 3)),
        ("range(8,1,-1)", IntRange(2, 8)),
        ("range(8,1,-3)", IntRange(2, 8, 3)),
        ("range(0.1,0.5,0.1)", Choices((0.1, 0.2, 0.3, 0.4), ordered=True)),
        ("tag(log,range(1,65))", IntRange(1, 64, log=True)),
        ("interval(0,1)", FloatRange(0.0, 1.0)),
        ("tag(log,interval(0.1,10))", FloatRange(0.1, 10.0, log=True)),
        ("int(interval(1,64))", IntRange(1, 64)),
        ("tag(log, int(interval(1,64)))", IntRange(1, 64, log=True)),
        ("4,1,2,4", Choices((1, 2, 4), ordered=True)),
        ("[1,2,4]", Choices((1, 2, 4), ordered=True)),
        ("7", Choices((7,), ordered=True)),
        ("choice(0.5,1)", Choices((0.5, 1), ordered=True)),
        ("f16,q8_0", Choices(("f16", "q8_0"))),
        ("'a b',\"true\"", Choices(("a b", "true"))),
        ("sort(3,1,2)", Choices((1, 2, 3), ordered=True)),
        ("shuffle(range(1,5))", IntRange(1, 4)),
    ],
)
def test_hydra_syntax_without_a_knob(text: str, domain: Domain) -> None:
    assert parse_domain("x", text) == domain


@pytest.mark.parametrize(
    ("knob", "text", "domain"),
    [
        (THREADS, "interval(1,64)", IntRange(1, 64)),
        (THREADS, "tag(log,interval(1,64))", IntRange(1, 64, log=True)),
        (THREADS, "2", Choices((2,), ordered=True)),
        (SCALE, "range(1,4)", Choices((1.0, 2.0, 3.0), ordered=True)),
        (SCALE, "interval(1,4)", FloatRange(1.0, 4.0)),
        (FLAG, "choice(true)", Choices((True,))),
        (TYPE, "F16,q4_0", Choices(("q4_0", "f16"), ordered=True)),
    ],
)
def test_hydra_syntax_fitted_to_a_knob(knob: Parameter, text: str, domain: Domain) -> None:
    assert parse_domain(knob.name, text, knob) == domain


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("range(8,1)", "space.n_threads=range(8,1): the range is empty (its end is not included)"),
        ("range(1,8,0)", "space.n_threads=range(1,8,0): a range needs finite ends and a step that is not 0"),
        ("interval(8,1)", "space.n_threads=interval(8,1): the range 8..1 is empty"),
        ("interval(1,inf)", "space.n_threads=interval(1,inf): an interval needs two finite ends"),
        ("interval(nan,1)", "space.n_threads=interval(nan,1): an interval needs two finite ends"),
        (
            "tag(log,range(0,9))",
            "space.n_threads=tag(log,range(0,9)): a logarithmic range must start above 0, not at 0",
        ),
        ("tag(log,range(1,9,2))", "space.n_threads=tag(log,range(1,9,2)): a logarithmic range cannot have a step"),
        ("tag(log,choice(1,2))", "space.n_threads=tag(log,choice(1,2)): the tag log applies to interval and range"),
        ("tag(exp,range(1,9))", "space.n_threads=tag(exp,range(1,9)): unknown tag 'exp'; known: log"),
        ("glob(*)", "space.n_threads=glob(*): glob matches file names and has no meaning here"),
        ("choice()", "space.n_threads=choice() is not a range: empty choice is not legal"),
        ("inter(0,1)", "space.n_threads=inter(0,1) is not a range: Unknown function 'inter'"),
        ("range(1,9", "space.n_threads=range(1,9 is not a range: "),
        ("{a:1}", "space.n_threads={a:1}: each choice must be one number, word, true or false"),
        ("choice([1,2],3)", "space.n_threads=choice([1,2],3): each choice must be one number"),
        ("null", "space.n_threads=null: each choice must be one number, word, true or false"),
        ("", "space.n_threads=: each choice must be one number, word, true or false"),
        ("1,inf", "space.n_threads=1,inf: a number must be finite"),
        ("range(0.0,5.0,0.001)", "space.n_threads=range(0.0,5.0,0.001): more than 1000 values; use interval"),
        ("1..4", "space.n_threads='1..4': n_threads takes a whole number"),
        ("choice(0,1)", "space.n_threads=0: n_threads must be 1..512 threads"),
        ("interval(1.5,3)", "space.n_threads=1.5: n_threads takes a whole number"),
    ],
)
def test_errors_are_one_line_with_an_example_on_that_knob(text: str, message: str) -> None:
    with pytest.raises(TunerError) as caught:
        parse_domain("n_threads", text, THREADS)
    assert caught.value.message.startswith(message)
    assert "\n" not in caught.value.message
    assert caught.value.hint == "for example 'space.n_threads=range(1,9)'; legal: 1..512 threads"


TYPED = st.text(st.sampled_from("0123456789,.()[]{}-'\"$ aeglnortv") | st.characters(), max_size=30)


@given(TYPED | TYPED.map(lambda t: f"choice({t})") | TYPED.map(lambda t: f"range({t})"))
def test_whatever_is_typed_gives_a_range_or_one_error(text: str) -> None:
    try:
        domain, message = parse_domain("n_threads", text, THREADS), "space.n_threads"
    except TunerError as error:
        domain, message = THREADS.domain, error.message
    assert message.startswith("space.n_threads")
    assert len(message.splitlines()) == 1
    assert parse_domain("n_threads", format_domain(domain), THREADS) == domain


@given(st.integers(-50, 50), st.integers(0, 40), st.integers(1, 7), st.booleans())
def test_whole_ranges_round_trip(low: int, steps: int, step: int, log: bool) -> None:
    domain = IntRange(abs(low) + 1, abs(low) + 1 + steps, log=True) if log else IntRange(low, low + steps * step, step)
    if steps == 0 and not log:
        domain = IntRange(low, low)
    assert parse_domain("x", format_domain(domain)) == domain


@given(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12), st.booleans())
def test_real_ranges_round_trip(one: float, other: float, log: bool) -> None:
    low, high = sorted((abs(one) + 1e-9, abs(other) + 1e-9) if log else (one, other))
    domain = FloatRange(low, high, log)
    assert parse_domain("x", format_domain(domain)) == domain


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=8),
        min_size=1,
        unique=True,
    )
)
def test_words_round_trip_however_odd(words: list[str]) -> None:
    domain = Choices(tuple(words))
    knob = Parameter("x", domain, words[0])
    assert parse_domain("x", format_domain(domain), knob) == domain


@given(st.lists(st.integers() | st.floats(allow_nan=False, allow_infinity=False), min_size=1, unique=True))
def test_numbers_round_trip(numbers: list[float]) -> None:
    domain = Choices(tuple(sorted(numbers)), ordered=True)
    assert parse_domain("x", format_domain(domain)) == domain
