"""The leader with fewer changes: every knob that seems to bring nothing is set back before the search ends.

A search moves many knobs at once, and those that bring nothing ride along with those that do. What a knob does not
bring to the objective it may cost elsewhere, on another day, or with the next version. So the last trials of a search
are of the leader with the idle knobs set back: what is as good with fewer changes is what is deployed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from search_spaces.parameter import Params, Value
from search_spaces.space import SearchSpace
from tuner.core.params import key

if TYPE_CHECKING:
    from tuner.search.posterior import Posterior

IDLE = 0.01
"""A knob goes back at once where less than this is expected to be lost, as a share of the objective."""
DOUBTFUL = 0.025
"""One that may bring less than this is set back on its own, to see."""
MOST = 3
"""Trials that are spent on it."""


def reductions(space: SearchSpace, posterior: Posterior, leader: Params, baseline: Params) -> list[dict[str, Value]]:
    """Configurations with fewer changes than `leader` that may be as good, the one without all idle knobs first.

    Then that one with a doubtful knob set back, the one first of which least is expected to be lost. At most `MOST`.
    """
    plain = _without_idle(space, posterior, leader, baseline)
    single = [
        (loss, params) for loss, sd, params in _set_back(space, posterior, plain, baseline) if loss - sd < DOUBTFUL
    ]
    found = [plain, *(params for _, params in sorted(single, key=lambda pair: pair[0]))]
    return [params for params in found if key(params) not in (key(leader), key(baseline))][:MOST]


def _without_idle(space: SearchSpace, posterior: Posterior, leader: Params, baseline: Params) -> dict[str, Value]:
    """Set back one after another, always the knob of which least is expected to be lost, as long as that is nothing."""
    current, lost = space.canonical(leader), 0.0
    while options := _set_back(space, posterior, current, baseline):
        loss, _, params = min(options, key=lambda option: option[0])
        if lost + max(0.0, loss) > IDLE:
            break
        current, lost = params, lost + max(0.0, loss)
    return current


def _set_back(
    space: SearchSpace, posterior: Posterior, params: Mapping[str, Value], baseline: Params
) -> list[tuple[float, float, dict[str, Value]]]:
    """(expected loss, its standard deviation, configuration) for each changed knob that may go back on its own."""
    options = []
    for name, value in params.items():
        if name not in baseline or baseline[name] == value:
            continue
        reverted = space.canonical({**params, name: baseline[name]})
        if key(reverted) != key(params) and not space.violation_degree(reverted):
            options.append((*posterior.contrast([params], [reverted]), reverted))
    return options
