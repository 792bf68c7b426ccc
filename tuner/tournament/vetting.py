"""Who may enter the tournament: what keeps its limits on material that the search never used.

The best of many was chosen by how it did on some material, and some configurations do well on that only. So quality is
judged again on what is held out, and who breaks a limit there makes room for the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tuner.core import interrupts
from tuner.core.trial import TrialResult, TrialSpec, TrialStatus
from tuner.measure.executor import Executor
from tuner.measure.plan import MeasurementPlan
from tuner.measure.pruning import fixed_rounds

TRIED_MOST = 8
"""Candidates that are judged at the most: each costs a load and the judging."""
PLAN = MeasurementPlan(fixed_rounds(1), "first_item")


@dataclass
class Vetted:
    """The `invited`, in the order given, and the held-out `quality` by trial number. `refused` maps trial to reason."""

    invited: list[TrialResult] = field(default_factory=list)
    quality: dict[int, Mapping[str, float]] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)


def vet(
    baseline: TrialResult,
    ranked: Sequence[TrialResult],
    count: int,
    executor: Executor,
    tell: Callable[[str], None] = lambda text: None,
) -> Vetted:
    """The first `count` of `ranked` that keep every limit on the executor's material.

    The baseline's quality is judged too, and it may stay whatever that is: the verdict looks at its limits itself.
    """
    vetted = Vetted()
    for trial in (baseline, *ranked[:TRIED_MOST]):
        if len(vetted.invited) >= count:
            break
        interrupts.check()
        tell(f"judging trial {trial.number} on what was held out")
        result = executor.run(TrialSpec(-1, trial.params, "tournament", trial.number), PLAN)
        if result.quality:
            vetted.quality[trial.number] = result.quality
        if trial is baseline:
            continue
        if result.status is TrialStatus.INFEASIBLE or (result.metrics and not result.feasible):
            vetted.refused[trial.number] = result.reason
        else:  # one that failed may have met a passing shortage: the tournament gives it a second chance
            vetted.invited.append(trial)
    return vetted
