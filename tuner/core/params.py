"""Configurations compared: what makes two of them the same, and by how much they differ."""

from __future__ import annotations

import json

from search_spaces.parameter import Params


def key(params: Params) -> str:
    """What makes two configurations the same."""
    return json.dumps(dict(params), sort_keys=True)


def count_changes(params: Params, baseline: Params) -> int:
    """How many knobs differ from the baseline, those that only one of the two has included."""
    return sum(params.get(name) != baseline.get(name) for name in {*params, *baseline})
