"""Knobs that the workload does not feel: whatever their value, good configurations are about as good, and surely so."""

from __future__ import annotations

import math
from itertools import islice

from search_spaces.domains import contains, values
from search_spaces.parameter import Parameter, Value
from tuner.search.posterior import Posterior

FELT, GAIN = 0.05, 0.03
"""A knob is felt unless it surely changes the logarithm of the objective by less than `FELT`, and no value of it brings
`GAIN` over the default."""
SURE = 2.0
"""Standard deviations: 95 % for each value of a knob."""
TRIALS_LEAST = 12
LEADERS_LEAST, LEADERS_MOST = 5, 20
VALUES_MOST = 12
_RANGE_MOST = 10_000


def insensitive(posterior: Posterior) -> dict[str, float]:
    """Knobs, each with the most that its values surely change beside the baseline's; in the order of the space.

    Judged on average over the better half of the trials (an even spread of them where they are many), because elsewhere
    it does not matter. Empty while little is known.
    """
    if len(posterior.measured) < TRIALS_LEAST:
        return {}
    better = posterior.leaders(max(LEADERS_LEAST, len(posterior.measured) // 2))
    if not better:
        return {}
    leaders = better[:: math.ceil(len(better) / LEADERS_MOST)]
    found = {}
    for knob in posterior.space.parameters:
        there, home = [p for p in leaders if knob.name in p], posterior.space.baseline.get(knob.name)
        if len(there) < 2 or home is None or not contains(knob.domain, home):
            continue
        unchanged = [{**p, knob.name: home} for p in there]
        changes = [
            posterior.contrast([{**p, knob.name: value} for p in there], unchanged) for value in _others(knob, home)
        ]
        most = max((abs(mean) + SURE * deviation for mean, deviation in changes), default=0.0)
        if most < FELT and all(mean + SURE * deviation < GAIN for mean, deviation in changes):
            found[knob.name] = most
    return found


def _others(knob: Parameter, home: Value) -> list[Value]:
    """Values beside that of the baseline: all of a few, else some spread evenly."""
    listed = [v for v in islice(values(knob.domain), _RANGE_MOST) if v != home]
    step = max(1, math.ceil(len(listed) / VALUES_MOST))
    return [*listed[::step], *listed[-1:]]
