"""How much each knob mattered to what was measured, against what chance alone makes of knobs that do not matter.

A random forest is fitted to the logarithms of the values. Each knob has a shadow, the same column with its rows
shuffled, which can only matter by chance; what the most important shadow stays below in 95 % of shuffles is the floor
below which a knob's importance says nothing (the shadow features of Boruta: Kursa & Rudnicki 2010, J. Stat. Softw.
36(11)).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from search_spaces.parameter import Choices, Parameter, Value
from tuner.core.explanation import Importance, KnobImportance
from tuner.core.objective import pace_corrected
from tuner.core.stats import percentile
from tuner.core.trial import TrialResult

TRIALS_LEAST = 10
SHUFFLES = 20
LEAF = 2
"""A leaf of the forest has at least so many trials, so that no single one makes a knob look important."""
_TREES = 50
_ABSENT = -1.0


def importance(
    trials: Sequence[TrialResult], metric: str, parameters: Sequence[Parameter], seed: int = 0
) -> Importance | None:
    """The importance of the knobs that vary; None with too few measured trials or fewer than two such knobs.

    Trials that were pruned count, with the value of the rounds that they had.
    """
    import numpy as np
    from sklearn.ensemble import RandomForestRegressor

    rated = [(t, v) for t in trials if (v := pace_corrected(t, metric)) is not None and v > 0]
    others = {p.name: _others(p.name, [t for t, _ in rated]) for p in parameters}
    varied = [p for p in parameters if others[p.name] >= LEAF]
    hardly = tuple(name for name, count in others.items() if 0 < count < LEAF)
    if len(rated) < TRIALS_LEAST or len(varied) < 2:
        return None
    groups = [np.array([_codes(p, t.params.get(p.name)) for t, _ in rated]) for p in varied]
    starts = np.cumsum([0, *(g.shape[1] for g in groups[:-1])])
    width = sum(g.shape[1] for g in groups)
    values = np.array([math.log(v) for _, v in rated])
    rng = np.random.default_rng(seed)
    shares, floors = [], []
    for shuffle in range(SHUFFLES):
        shadows = [rng.permutation(g) for g in groups]  # whole rows: the columns of one knob belong together
        forest = RandomForestRegressor(_TREES, min_samples_leaf=LEAF, random_state=seed + shuffle)
        found = forest.fit(np.hstack([*groups, *shadows]), values).feature_importances_
        shares.append(np.add.reduceat(found[:width], starts))
        floors.append(float(np.add.reduceat(found[width:], starts).max()))
    floor = percentile(floors, 0.95)
    mean = np.mean(shares, axis=0)
    knobs = [KnobImportance(p.name, round(float(s), 4), bool(s > floor)) for p, s in zip(varied, mean, strict=True)]
    return Importance(metric, tuple(sorted(knobs, key=lambda k: -k.share)), round(floor, 4), len(rated), hardly)


def _others(knob: str, trials: Sequence[TrialResult]) -> int:
    """How many trials have another value of `knob` than the commonest one."""
    counts = Counter(t.params.get(knob) for t in trials)
    return len(trials) - max(counts.values(), default=0)


def _codes(parameter: Parameter, value: Value | None) -> list[float]:
    """A knob's value as columns: itself or its place where there is an order, else one column for each choice.

    −1 where the knob is not in use.
    """
    domain = parameter.domain
    if isinstance(domain, Choices):
        if not domain.ordered:
            return [float(value == choice) for choice in domain.values]
        known = domain.values.index(value) if value in domain.values else len(domain.values)
        return [_ABSENT if value is None else float(known)]
    if value is None:
        return [_ABSENT]
    assert not isinstance(value, str), f"{parameter.name} is a range and {value!r} no number"
    return [float(value)]
