"""What is said of a search: whether the default can be kept, what its knobs did not do, and why it ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tuner.core.study_config import StudyConfig
from tuner.core.trial import TrialResult, TrialStatus
from tuner.search.observations import Observations
from tuner.tournament.verdict import counted


def search_notices(
    observations: Observations, config: StudyConfig, exhausted: bool, ruled_out: Mapping[str, str]
) -> Iterator[str]:
    """A line for each; `exhausted` when nothing was left to try, `ruled_out` are configurations with the reason."""
    done, budget = len(observations.trials), config.budget
    if idle := _unfelt(observations):
        yield f"insensitive here (surely less than {100 * max(idle.values()):.1f} %): {', '.join(idle)}"
    if ruled_out:
        example = next(iter(ruled_out.values()))
        yield f"{len(ruled_out)} configurations were predicted infeasible, such as: {example}"
    if config.sampler == "ablation" and not exhausted:
        yield f"the walk through the knobs did not end within {counted(done)}: raise budget.trials"
    if exhausted:
        yield f"nothing is left to try after {counted(done)}"
    elif done < budget.trials:
        yield (
            f"the time ended the search after {done} of {budget.trials} trials; "
            f"rerun to continue, or raise budget.minutes={budget.minutes:g}"
        )


def baseline_notice(baseline: TrialResult) -> str:
    """Why the default cannot be deployed; "" where it can."""
    if not baseline.metrics:
        return f"the default does not run here ({baseline.status}: {baseline.reason})"
    broken = baseline.status is TrialStatus.INFEASIBLE
    return f"the default breaks a constraint: {baseline.reason}" if broken else ""


def _unfelt(observations: Observations) -> dict[str, float]:
    from tuner.search.insensitive import insensitive

    return insensitive(observations.posterior) if observations.posterior else {}
