from search_spaces.narrowing import narrow
from search_spaces.parameter import Choices, FloatRange, IntRange
from search_spaces.template import load_template


def test_the_fake_space_has_one_knob_of_each_kind() -> None:
    space = load_template("fake").bind({"cpu_cores": 8, "anything": "ignored"})
    assert {p.name: p.domain for p in space.parameters} == {
        "threads": IntRange(1, 8),
        "mode": Choices(("a", "b", "c")),
        "turbo": Choices((False, True)),
        "level": IntRange(0, 10),
        "scale": FloatRange(0.1, 10.0, log=True),
        "precision": Choices(("low", "medium", "high"), ordered=True),
    }
    assert space.baseline == {"threads": 2, "mode": "a", "turbo": False, "scale": 1.0, "precision": "high"}
    assert [p.name for p in space.parameters if "quality" in p.affects] == ["precision"]
    assert {p.name: p.scope for p in space.parameters}["precision"] == "load"
    assert space.size(10**6) is None


def test_mode_c_needs_threads() -> None:
    space = load_template("fake").bind({})
    assert space.violations({"mode": "c", "threads": 1}) == [
        "mode=c requires threads at least 2 (is 1): mode c divides the work among threads"
    ]


def test_without_the_real_knob_it_is_finite() -> None:
    space = narrow(load_template("fake").bind({}), {"scale": 1.0})
    per_turbo = 1 + 11  # off, or on with one of eleven levels
    assert space.size(10**6) == (8 * 2 + 7) * per_turbo * 3
