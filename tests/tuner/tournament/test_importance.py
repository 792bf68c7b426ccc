"""Which knobs mattered, against what chance makes of those that do not."""

import random
from dataclasses import replace

from search_spaces.template import load_template
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.tournament.importance import importance

SPACE = load_template("fake").bind({"cpu_cores": 8})
METRIC = "decode_tokens_per_second"


def trials(count, speed, noise=0.02, seed=0):
    rng = random.Random(seed)
    found = []
    for number in range(count):
        params = SPACE.random(rng)
        value = speed(params) * rng.lognormvariate(0, noise)
        found.append(TrialResult(number, params, TrialStatus.OK, metrics={METRIC: MetricValue(value, None, "tok/s")}))
    return found


def test_the_knob_that_matters_is_first_and_above_chance():
    found = importance(trials(40, lambda p: 100 * (2.0 if p["mode"] == "b" else 1.0)), METRIC, SPACE.parameters)
    assert found.knobs[0].knob == "mode"
    assert found.knobs[0].above_floor
    assert found.knobs[0].share > 0.5
    assert sum(k.share for k in found.knobs) <= 1


def test_where_nothing_matters_hardly_anything_is_above_chance():
    above = 0
    for seed in range(5):
        found = importance(trials(40, lambda p: 100.0, seed=seed), METRIC, SPACE.parameters, seed)
        above += sum(k.above_floor for k in found.knobs)
    assert above <= 2, "one knob in fifteen at the most"


def test_too_little_is_said_to_be_too_little():
    assert importance(trials(5, lambda p: 100.0), METRIC, SPACE.parameters) is None
    same = [
        TrialResult(n, SPACE.baseline, TrialStatus.OK, metrics={METRIC: MetricValue(1, None, "")}) for n in range(20)
    ]
    assert importance(same, METRIC, SPACE.parameters) is None


def test_a_knob_in_which_a_single_trial_differs_is_named_as_untold():
    """As where the search leaves the default's value at once and never comes back."""
    told = trials(40, lambda p: 100 * (2.0 if p["mode"] == "b" else 1.0))
    told = [replace(t, params={**t.params, "threads": 2 if t.number == 0 else 6}) for t in told]
    found = importance(told, METRIC, SPACE.parameters)
    assert found.hardly_varied == ("threads",)
    assert "threads" not in {k.knob for k in found.knobs}
