"""What configurations are worth on a machine where one load of the same differs from the next by more than is sought.

A grid measures each configuration in one process. Where the repeats of the baseline differ much from process to
process, a single measurement says little, and the best of hundreds is the luckiest. There the logarithms are fitted by
least squares with an effect for every value of every knob and for every pair of values of two knobs; what the fit
leaves over is the noise from load to load. A configuration that was measured while others had the machine all the time
tells nothing of it, and what it would be worth follows from the rest.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_spaces.parameter import Params

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """Fitted values of each row, and what was left over of the quiet rows, as wide as it would be without the fit."""

    fitted: Array
    left: Array


def fit(configurations: Sequence[Params], values: Array, quiet: Sequence[bool] | None = None) -> Fit:
    """Least squares with effects of knobs and pairs of knobs; `values` has a column for each quantity.

    Only `quiet` rows are fitted; all of them unless it is given.
    """
    design, chosen = _design(configurations), np.array(quiet if quiet is not None else [True] * len(values))
    effects, _, rank, _ = np.linalg.lstsq(design[chosen], values[chosen], rcond=1e-9)
    fitted, count = design @ effects, int(chosen.sum())
    free = max(1, count - int(rank))
    return Fit(fitted, (values - fitted)[chosen] * np.sqrt(count / free))


def _design(configurations: Sequence[Params]) -> Array:
    names = list(dict.fromkeys(name for c in configurations for name in c))
    columns = [np.ones(len(configurations))]
    single: list[list[Array]] = []
    for name in names:
        options = list(dict.fromkeys(c.get(name) for c in configurations))
        single.append([np.array([float(c.get(name) == o) for c in configurations]) for o in options[1:]])
    columns += itertools.chain.from_iterable(single)
    for one, other in itertools.combinations(single, 2):
        columns += [a * b for a in one for b in other if (a * b).any()]
    return np.stack(columns, axis=1)
