"""After the verdict: which knobs mattered at all, and what each change from the default to the winner brought."""

from __future__ import annotations

import json
from collections.abc import Sequence

from search_spaces.errors import TunerError
from tuner.core.documents import dump
from tuner.core.explanation import Attribution, Step
from tuner.core.trial import TrialResult
from tuner.core.watchers import Watchers
from tuner.measure.preparation import Prepared
from tuner.measure.runner import TrialRunner
from tuner.results.study_store import StudyStore
from tuner.search.observations import Observations
from tuner.tournament.attribution import attribute, brought_nothing, by_worth, estimate_s, path
from tuner.tournament.importance import importance

OVERRUN = 0.05
"""The minutes may be overrun by this share of them."""
EXPLANATIONS = ("importance.json", "attribution.json")
CONFIGURATIONS_LEAST = 3
"""A winner with one change needs no attribution: the tournament has measured that change."""


def explain(
    prepared: Prepared,
    runner: TrialRunner,
    store: StudyStore,
    observations: Observations,
    winner: TrialResult | None,
    left_s: float,
    watchers: Watchers,
) -> None:
    """Write importance.json, and attribution.json where there is a `winner` with a gain and `left_s` are enough.

    The verdict stands whatever comes of them.
    """
    for name in EXPLANATIONS:
        store.remove(name)
    trials, posterior, metric = observations.trials, observations.posterior, prepared.objectives[0].metric
    try:
        known = importance(trials, metric, prepared.space.parameters, prepared.config.seed)
        if known is not None:
            store.write_json("importance.json", dump(known))
        if winner is None:
            return
        start, end = trials[0].params, winner.params
        ways = path(prepared.space, start, end, by_worth(posterior, start, end) if posterior else ())
        if len(ways) < CONFIGURATIONS_LEAST:
            store.write_json("attribution.json", dump(Attribution(winner.number, metric)))
            return
        needed_s = estimate_s(runner, trials[0], winner, ways)
        if needed_s > left_s + OVERRUN * 60 * prepared.config.budget.minutes:
            watchers.notice(
                f"what each of the {len(ways) - 1} changes brings was not measured, which takes {needed_s:.0f} s; "
                "the same command does it now that the search is done"
            )
            return
        steps = attribute(
            runner,
            prepared.objectives[0],
            ways,
            lambda done, most: watchers.progress(f"measuring what each change brings: {done} of {most} blocks"),
        )
        store.write_json("attribution.json", dump(Attribution(winner.number, metric, tuple(steps))))
        if idle := _idle(steps):
            watchers.notice(f"what brought nothing that could be measured, and may stay as it was: {idle}")
    except KeyboardInterrupt:
        watchers.notice("interrupted while measuring what each change brings; the verdict stands")
    except (TunerError, ValueError, ArithmeticError, OSError) as error:
        watchers.notice(f"what each change brings is not known ({error}); the verdict stands")


def _idle(steps: Sequence[Step]) -> str:
    """The overrides that leave out the changes which brought nothing."""
    changes = {n: before for step in steps if brought_nothing(step) for n, (before, _) in step.changed.items()}
    return " ".join(f"params.{name}={json.dumps(v).strip(chr(34))}" for name, v in changes.items() if v is not None)
