"""What makes configurations the same, and how much they differ."""

import json

from tuner.core.params import count_changes, key


def test_the_key_does_not_depend_on_the_order():
    params = {"b": 1, "a": 2}
    assert key(params) == key(dict(sorted(params.items()))) == json.dumps({"a": 2, "b": 1})


def test_a_knob_that_only_one_of_two_has_is_a_difference():
    assert count_changes({"a": 1, "b": 2}, {"a": 1, "b": 2}) == 0
    assert count_changes({"a": 1, "b": 2}, {"a": 3, "c": 2}) == 3
