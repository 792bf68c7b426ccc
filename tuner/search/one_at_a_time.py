"""The sampler `ablation`: knob after knob, each of its values beside the best configuration so far.

It is what an optimization plan on paper does: change one thing, measure, keep it if it is better, go on with the next.
It finds no interactions, and says of each knob what it brings. Of several objectives it follows the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from search_spaces.domains import values
from search_spaces.parameter import Parameter, Params, Value
from tuner.core.objective import best
from tuner.core.params import key
from tuner.core.trial import TrialResult
from tuner.search.observations import Observations

VALUES_MOST = 8
"""Values of one knob that are tried; of a longer range evenly spread ones, both ends among them."""
_RANGE_MOST = 10_000


class OneAtATime:
    """As `Sampler`: proposes configurations by the evidence of this run and earlier ones."""

    def __init__(self, observations: Observations, infeasible: Callable[[Params], str] = lambda params: "") -> None:
        self.observations = observations
        self._space = observations.space
        self._objective = observations.objectives[0]
        self._infeasible = infeasible
        self.ruled_out: dict[str, str] = {}

    def again(self, complete: bool) -> TrialResult | None:
        """None: it measures each configuration once."""
        return None

    def ask(self) -> dict[str, Value] | None:
        """The next configuration; None when every knob has been through.

        The walk is done anew from the results each time, so that it goes on after an interruption where it was.
        """
        results = {key(t.params): t for t in self.observations.trials}
        centre: Params = self._space.baseline
        for knob in self._space.parameters:
            group = [centre]
            for params in self._variations(knob, centre):
                if key(params) not in results:
                    if not (reason := self._infeasible(params)):
                        self.ruled_out.pop(key(params), None)
                        return params
                    self.ruled_out[key(params)] = reason
                group.append(params)
            told = [results[key(p)] for p in group if key(p) in results]
            leader = best(told, self._objective)
            centre = leader.params if leader else centre
        return None

    def _variations(self, knob: Parameter, centre: Params) -> Iterator[dict[str, Value]]:
        """The valid configurations that differ from `centre` in `knob`."""
        for value in _spread(knob) if knob.name in centre else ():
            params = self._space.canonical({**centre, knob.name: value})
            if params != dict(centre) and not self._space.violation_degree(params):
                yield params


def _spread(knob: Parameter) -> list[Value]:
    known = list(islice(values(knob.domain), _RANGE_MOST))
    if len(known) <= VALUES_MOST:
        return known
    return [known[round(at * (len(known) - 1) / (VALUES_MOST - 1))] for at in range(VALUES_MOST)]
