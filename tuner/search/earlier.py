"""What earlier studies of the same engine found, on other models or for other objectives: worth a trial early on.

Nothing is believed of them: their best configurations are ordinary trials of this study.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from search_spaces.domains import contains
from search_spaces.errors import TunerError
from search_spaces.parameter import Params
from search_spaces.space import SearchSpace
from tuner.core.deploy import DeployConfig
from tuner.core.documents import load_file

MOST = 3


@dataclass(frozen=True)
class Earlier:
    """The best configuration of another study, as far as it has a place in this one's space."""

    study: str
    params: Params


def earlier_best(outputs: Path, own: str, engine: str, objective: str, space: SearchSpace) -> list[Earlier]:
    """At most `MOST`, each of them once; studies of the same objective first, then the newest.

    Only a study that ended with a gain says anything. `own` is the folder of this study.
    """
    able = [d for d in _deployed(outputs, own) if d.engine.name == engine and d.gain.significant]
    newest = sorted(able, key=lambda d: d.created_at, reverse=True)
    found: list[Earlier] = []
    for deploy in sorted(newest, key=lambda d: d.gain.objective != objective):
        params = _placed(deploy.params, space)
        if params is not None and params != space.baseline and all(params != e.params for e in found):
            found.append(Earlier(deploy.study, params))
    return found[:MOST]


def _deployed(outputs: Path, own: str) -> Iterator[DeployConfig]:
    """The sound documents in `outputs`; a folder may hold anything."""
    for file in sorted(outputs.glob("*/deploy.json")):
        if file.parent.is_symlink() or file.parent.name == own:
            continue
        with contextlib.suppress(TunerError):
            yield load_file(DeployConfig, file, "deploy.json", "")


def _placed(params: Params, space: SearchSpace) -> Params | None:
    """The values that are searched here too, on top of the baseline; None where a rule forbids what comes of it."""
    searched = {k.name: params[k.name] for k in space.parameters if k.name in params}
    known = {name: value for name, value in searched.items() if contains(space.parameter(name).domain, value)}
    try:
        placed = space.canonical({**space.baseline, **known})
    except TunerError:
        return None
    return None if space.violation_degree(placed) else placed
