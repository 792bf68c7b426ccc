"""After the verdict: which knobs mattered at all, and what each change from the default to the winner brought."""

from __future__ import annotations

import json
from collections.abc import Sequence

from search_spaces.errors import TunerError
from tuner.core.explanation import Attribution, Step
from tuner.core.trial import TrialResult
from tuner.core.watchers import Watchers
from tuner.measure.executor import Executor
from tuner.measure.preparation import Prepared
from tuner.results.study_store import StudyStore
from tuner.search.observations import Observations
from tuner.tournament.attribution import attribute, attribution_s, brought_nothing, by_worth, path
from tuner.tournament.importance import importance

EXPLANATION_OVERRUN = 0.05
"""The minutes may be overrun by this share of them."""
EXPLANATIONS = ("importance.json", "attribution.json")
CONFIGURATIONS_LEAST = 3
"""A winner with one change needs no attribution: the tournament has measured that change."""


def explain(
    prepared: Prepared,
    executor: Executor,
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
    trials, posterior, objective = observations.trials, observations.posterior, prepared.objectives[0]
    try:
        known = importance(trials, objective.metric, prepared.space.parameters, prepared.config.seed)
        if known is not None:
            store.write("importance.json", known)
        if winner is None:
            return
        start, end = trials[0].params, winner.params
        ways = path(prepared.space, start, end, by_worth(posterior, start, end) if posterior else ())
        if len(ways) < CONFIGURATIONS_LEAST:
            store.write("attribution.json", Attribution(winner.number, objective.metric))
            return
        needed_s = attribution_s(trials[0], winner, ways, prepared.engine.compiles_lazily)
        if needed_s > left_s + EXPLANATION_OVERRUN * 60 * prepared.config.budget.minutes:
            watchers.notice(
                f"what each of the {len(ways) - 1} changes brings was not measured, which takes {needed_s:.0f} s; "
                "rerun to complete the ablation"
            )
            return
        steps = attribute(
            executor,
            objective,
            ways,
            lambda done, most: watchers.progress(f"measuring what each change brings: {done} of {most} blocks"),
        )
        store.write("attribution.json", Attribution(winner.number, objective.metric, steps))
        if idle := _idle(steps):
            watchers.notice(f"no measurable effect, may stay at the default: {idle}")
    except KeyboardInterrupt:
        watchers.notice("interrupted while measuring what each change brings; the verdict stands")
    except (TunerError, ValueError, ArithmeticError, OSError) as error:
        watchers.notice(f"what each change brings is not known ({error}); the verdict stands")


def _idle(steps: Sequence[Step]) -> str:
    """The overrides that leave out the changes which brought nothing."""
    changes = {n: before for step in steps if brought_nothing(step) for n, (before, _) in step.changed.items()}
    return " ".join(f"params.{name}={json.dumps(v).strip(chr(34))}" for name, v in changes.items() if v is not None)
