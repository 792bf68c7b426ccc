"""Beside the verdict: which knobs mattered over all trials of the search."""

from __future__ import annotations

from collections.abc import Sequence

from search_spaces.errors import TunerError
from tuner.core.trial import TrialResult
from tuner.core.watchers import Watchers
from tuner.measure.preparation import Prepared
from tuner.results.study_store import StudyStore
from tuner.tournament.importance import importance

IMPORTANCE, ABLATION = "importance.json", "ablation.json"
EXPLANATIONS = (IMPORTANCE, ABLATION)


def explain(prepared: Prepared, store: StudyStore, trials: Sequence[TrialResult], watchers: Watchers) -> None:
    """Write importance.json, where the trials are enough for it. The verdict stands whatever comes of it."""
    try:
        metric = prepared.objectives[0].metric
        if known := importance(trials, metric, prepared.space.parameters, prepared.config.seed):
            store.write(IMPORTANCE, known)
    except KeyboardInterrupt:
        watchers.notice("interrupted while finding out which knobs mattered; the verdict stands")
    except (TunerError, ValueError, ArithmeticError, OSError) as error:
        watchers.notice(f"which knobs mattered is not known ({error}); the verdict stands")
