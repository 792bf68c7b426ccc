import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import assume, given
from hypothesis import strategies as st

from search_spaces.errors import TunerError
from tuner.cli.config.overrides import (
    parse_literal,
    parse_mapping,
    parse_names,
    parse_scalar,
    quote,
    split_override,
    unquote,
)

# Whatever can stand in a file's name, and the characters that quoting is about more often than by chance.
text = st.text(st.one_of(st.sampled_from("'\"\\,={}[]: $#"), st.characters(exclude_categories=["C"])), max_size=30)
keys = st.from_regex(r"[a-z_][a-z0-9_]{0,8}(\.[a-z0-9_]{1,8}){0,2}", fullmatch=True)


@given(keys, text)
def test_the_first_equals_sign_ends_the_key(key, raw):
    override = split_override(f"{key}={raw}")
    assert (override.key, override.raw) == (key, raw)
    assert override.text == f"{key}={raw}"


@pytest.mark.parametrize(("typed", "sign"), [("+a.b=1", "+"), ("++a.b=1", "++"), ("~a.b", "~"), ("~a.b=1", "~")])
def test_signs_of_hydra_are_kept(typed, sign):
    assert split_override(typed).sign == sign
    assert split_override(typed).key == "a.b"
    assert split_override(typed).text == typed


@pytest.mark.parametrize("typed", ["", "budget", "=3", "a b=1", ".a=1", "a..b=1", "+=1", "-x=1", "--json"])
def test_what_is_not_an_override_is_refused(typed):
    with pytest.raises(TunerError, match="override"):
        split_override(typed)


@pytest.mark.parametrize("text", ["foo.gguf", "models/foo.gguf", "hf:ORG/REPO", "smollm2-135m"])
def test_a_model_without_its_key_is_told_the_key(text):
    with pytest.raises(TunerError) as raised:
        split_override(text)
    assert raised.value.hint == f"write model={text}"


def test_a_key_without_a_value_is_no_model():
    with pytest.raises(TunerError, match=r"'budget\.trials' has no value") as raised:
        split_override("budget.trials")
    assert "budget.trials=40" in raised.value.hint


@given(text)
def test_quoting_round_trips(plain):
    assert unquote(quote(plain)) == plain


@given(text)
def test_hydra_reads_quoted_text_the_same_way(plain):
    assume("${" not in plain)  # an interpolation, to Hydra
    assert str(OverridesParser.create().parse_override(f"key={quote(plain)}").value()) == plain


@given(text)
def test_text_that_does_not_begin_with_a_quote_is_taken_as_it_is(plain):
    assume(plain.strip()[:1] not in ("'", '"'))
    assert unquote(plain) == plain


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ('"a b"', "a b"),
        (r"'it\'s'", "it's"),
        ('"it\'s"', "it's"),
        ("it's", "it's"),
        ("'", "'"),
        ("''", ""),
        (" a ", " a "),
    ],
)
def test_quotes_are_taken_off_as_hydra_does(raw, plain):
    assert unquote(raw) == plain


names = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True)


@given(st.dictionaries(names, text.filter(bool), min_size=1, max_size=4))
def test_mappings_of_quoted_text_round_trip(mapping):
    raw = "{" + ", ".join(f"{name}: {quote(value)}" for name, value in mapping.items()) + "}"
    assert parse_mapping("model", raw) == mapping


@pytest.mark.parametrize(
    ("raw", "mapping"),
    [
        ("{Q4: a.gguf, Q6: b.gguf}", {"Q4": "a.gguf", "Q6": "b.gguf"}),
        ("{Q4:a.gguf}", {"Q4": "a.gguf"}),
        ("{Q4: /my models/it's=1.gguf, Q6: C:\\x.gguf}", {"Q4": "/my models/it's=1.gguf", "Q6": "C:\\x.gguf"}),
        ('{Q4: \'a,b.gguf\', "Q6": "c}.gguf"}', {"Q4": "a,b.gguf", "Q6": "c}.gguf"}),
    ],
)
def test_mappings_as_people_type_them(raw, mapping):
    assert parse_mapping("model", raw) == mapping


@pytest.mark.parametrize(
    "raw", ["", "{}", "{Q4}", "{Q4: }", "{: a}", "{Q4: a", "Q4: a", "{Q4: a, Q4: b}", "{Q4: a,,Q6: b}"]
)
def test_malformed_mappings_are_refused(raw):
    with pytest.raises(TunerError, match="model="):
        parse_mapping("model", raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("4", 4),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("q8_0", "q8_0"),
        ("'4'", "4"),
        ("-1", -1),
    ],
)
def test_knob_values_have_hydras_types(raw, value):
    parsed = parse_scalar("params.x", raw)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    "raw", ["[1,2]", "{a: 1}", "null", "choice(1,2)", "1,2", "range(1,9)", "nonsense(1)", "[1", "'open"]
)
def test_what_is_no_single_value_is_refused(raw):
    with pytest.raises(TunerError, match=r"params\.x="):
        parse_scalar("params.x", raw)


def test_a_sweep_of_a_fixed_knob_is_sent_to_the_right_key():
    with pytest.raises(TunerError) as raised:
        parse_scalar("params.n_threads", "choice(1,2)")
    assert raised.value.hint == "a knob is swept with space.NAME=choice(1,2)"


def test_null_is_a_literal():
    assert parse_literal("constraints.kld", "null") is None


@pytest.mark.parametrize("raw", ["a", "[a]", " [ a ] ", "'a'"])
def test_one_name(raw):
    assert parse_names("objective", raw) == ("a",)


@pytest.mark.parametrize("raw", ["[a,b]", "a,b", "[a, 'b']"])
def test_several_names(raw):
    assert parse_names("objective", raw) == ("a", "b")


@pytest.mark.parametrize("raw", ["", "[]", "[a,]", ",", "[a,a]"])
def test_no_names_or_a_name_twice_are_refused(raw):
    with pytest.raises(TunerError, match="objective="):
        parse_names("objective", raw)
