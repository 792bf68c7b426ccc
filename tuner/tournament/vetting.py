"""Who may enter the tournament: what keeps its limits on material that the search never used.

The best of many was chosen by how it did on some material, and some configurations do well on that only. So quality is
judged again on what is held out, and who breaks a limit there makes room for the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tuner.core import interrupts
from tuner.core.metrics import metric
from tuner.core.objective import Constraint, beside, broken
from tuner.core.trial import TrialResult, TrialSpec, TrialStatus
from tuner.measure.executor import Executor
from tuner.measure.plan import MeasurementPlan
from tuner.measure.pruning import fixed_rounds

TRIED_MOST = 5
"""Candidates that are judged at the most. Each costs a load and the judging, and of many that lose quality one passes
by luck: of those that lose two words of a hundred one in six (`engines/recognition/selection.py`)."""
PLAN = MeasurementPlan(fixed_rounds(1), "first_item")


@dataclass
class Vetted:
    """The `invited`, in the order given, and the held-out `quality` by trial number. `refused` maps trial to reason.

    The quality of one that could not be judged is {}, which breaks every limit on it.
    """

    invited: list[TrialResult] = field(default_factory=list)
    quality: dict[int, Mapping[str, float]] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)


def vet(
    settled: Sequence[TrialResult],
    ranked: Sequence[TrialResult],
    count: int,
    executor: Executor,
    constraints: Sequence[Constraint] = (),
    tell: Callable[[str], None] = lambda text: None,
) -> Vetted:
    """The first `count` of `ranked` that keep every limit on quality on the executor's material.

    Other limits are judged in the tournament, by all of its rounds. Who plays whatever comes of it, the baseline and
    after it what people run, is `settled`: judged too, and never refused here, for the verdict looks at the limits
    itself. The baseline's quality is what a bound is judged beside.
    """
    vetted = Vetted()
    limits = tuple(c for c in constraints if metric(c.metric).kind == "quality")

    def reason(trial: TrialResult) -> str:
        """Why `trial` may not play; "" where it may."""
        interrupts.check()
        tell(f"judging trial {trial.number} on what was held out")
        spec = TrialSpec(-1, trial.params, "tournament", trial.number)
        result = executor.run(spec, PLAN)
        if not result.metrics and result.status is not TrialStatus.INFEASIBLE:
            result = executor.run(spec, PLAN)  # it ran in the search: a passing shortage
        vetted.quality[trial.number] = result.quality
        if not result.metrics:
            return result.reason or str(result.status)
        home = vetted.quality[settled[0].number] if settled else {}
        return "; ".join(broken(beside(limits, home), result.quality))

    known = {trial.number: reason(trial) for trial in settled}
    for trial in ranked[:TRIED_MOST]:
        if len(vetted.invited) >= count:
            break
        if why := known[trial.number] if trial.number in known else reason(trial):
            if trial.number not in known:
                vetted.refused[trial.number] = why
        else:
            vetted.invited.append(trial)
    return vetted
