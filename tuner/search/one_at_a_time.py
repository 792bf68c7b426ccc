"""The sampler `ablation`: knob after knob, each of its values beside the best configuration so far.

It is what an optimization plan on paper does: change one thing, measure, keep it if it is better, go on with the next.
It finds no interactions, and says of each knob what it brings. Of several objectives it follows the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from search_spaces.domains import values
from search_spaces.parameter import Parameter, Params, Value
from search_spaces.space import SearchSpace
from tuner.core.objective import Constraint, Objective, best
from tuner.core.params import key
from tuner.search.observations import Observations
from tuner.search.proposing import Infeasible, ProposingSampler, always_feasible

VALUES_MOST = 8
"""Values of one knob that are tried; of a longer range evenly spread ones, both ends among them."""
_RANGE_MOST = 10_000


class OneAtATimeSampler(ProposingSampler):
    """Walks through the knobs of `space`; no configuration is measured again.

    What is running is passed over, and the walk goes on without its value.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        objectives: Sequence[Objective] | None = None,
        constraints: Sequence[Constraint] = (),
        infeasible: Infeasible = always_feasible,
        observations: Observations | None = None,
    ) -> None:
        super().__init__(space, objectives, constraints, None, infeasible, observations)

    def _think(self) -> Params | None:
        """The next configuration; None when every knob has been through.

        The walk is done anew from the results each time, so that it goes on after an interruption where it was.
        """
        space, objective = self.observations.space, self.observations.objectives[0]
        results = {key(t.params): t for t in self.observations.trials}
        passed = self._view.taken() if self._view else set()
        centre: Params = space.baseline
        for knob in space.parameters:
            group = [centre]
            for params in _variations(space, knob, centre):
                name = key(params)
                if name not in results and name not in passed:
                    if not (reason := self._infeasible(params)):
                        self.ruled_out.pop(name, None)
                        return params
                    self.ruled_out[name] = reason
                group.append(params)
            told = [results[key(p)] for p in group if key(p) in results]
            leader = best(told, objective)
            centre = leader.params if leader else centre
        return None


def _variations(space: SearchSpace, knob: Parameter, centre: Params) -> Iterator[dict[str, Value]]:
    """The valid configurations that differ from `centre` in `knob`."""
    for value in _spread(knob) if knob.name in centre else ():
        params = space.canonical({**centre, knob.name: value})
        if params != dict(centre) and not space.violation_degree(params):
            yield params


def _spread(knob: Parameter) -> list[Value]:
    known = list(islice(values(knob.domain), _RANGE_MOST))
    if len(known) <= VALUES_MOST:
        return known
    return [known[round(at * (len(known) - 1) / (VALUES_MOST - 1))] for at in range(VALUES_MOST)]
