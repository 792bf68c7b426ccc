"""Records of trials as a study leaves them in its folder."""

from collections.abc import Sequence
from pathlib import Path

from search_spaces.space import SearchSpace
from tuner.core.objective import Objective
from tuner.core.trial import TrialResult
from tuner.results.record import StudyRecord

NO_KNOBS = SearchSpace("made up", (), (), {}, {}, {})


def write_results(folder: Path, name: str, results: Sequence[TrialResult], objective: str) -> StudyRecord:
    """The journal of trials with these results, numbered as they come."""
    record = StudyRecord(name, [Objective(objective)], NO_KNOBS, folder)
    for result in results:
        asked = record.begin(result.params, result.purpose, result.repeat_of)
        assert asked.spec.number == result.number, "trials are numbered as they come"
        record.end(asked, result)
    return record
