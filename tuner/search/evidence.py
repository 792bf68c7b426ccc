"""The measurements that a surrogate is fitted to: all of them as long as they are few, else a bounded subset.

The time that a proposal takes grows with their number. The best tell which configuration wins, the newest what the
search is at, and an even spread of the rest how each knob does elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ROWS_MOST = 100
"""Measurements that a surrogate is fitted to."""
BEST_SHARE, NEWEST_SHARE = 0.4, 0.3


def bounded(goodness: Sequence[float], order: Sequence[int], most: int) -> list[int]:
    """Which measurements to go by, as indexes: at most `most`, of which `order` tells when each was made.

    All of a few; else the best by `goodness`, the newest, and an even spread of the others.
    """
    count = len(goodness)
    if count <= most:
        return list(range(count))
    by_age = [int(i) for i in np.argsort(order, kind="stable")]
    newest = set(by_age[-int(NEWEST_SHARE * most) :])
    ranked = [int(i) for i in np.argsort(-np.asarray(goodness), kind="stable")]
    kept = newest | set([i for i in ranked if i not in newest][: int(BEST_SHARE * most)])
    others = [i for i in by_age if i not in kept]
    kept |= {others[int(i)] for i in np.linspace(0, len(others) - 1, most - len(kept)).round()}
    return sorted(kept)
