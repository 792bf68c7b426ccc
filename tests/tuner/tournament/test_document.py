"""tournament.json."""

import json

import pytest

from engines.judgement import Judgement, WorstItem
from search_spaces.errors import TunerError
from tests.tuner.fake_executor import SPEED
from tests.tuner.tournament.tournaments import hold, trial
from tuner.core.documents import dump, load
from tuner.core.study_config import Budget
from tuner.tournament.document import TournamentDocument
from tuner.tournament.pairs import Pairs
from tuner.tournament.state import BegunFor, begun

KEYS = {
    "objective", "baseline", "baseline_metrics", "finalists", "pairs", "pairs_most", "blocks", "quiet",
    "repeated_rounds", "noise", "winner", "verdict", "trials", "exhausted", "summary",
    "stock", "vetoed", "selection", "worst",
}  # fmt: skip
FINALIST_KEYS = {
    "number", "params", "search_ratio", "ratio", "ci95", "p_value", "p_adjusted", "pairs", "significant", "failure",
    "breaks", "metrics", "refused", "felt",
}  # fmt: skip


@pytest.mark.parametrize(
    "values",
    [{0: 100.0}, {0: 100.0, 7: 170.0, 12: lambda run: "gone"}, {0: lambda run: "gone", 7: 120.0}],
    ids=["alone", "a gain", "no default"],
)
def test_it_is_read_as_it_was_written(values):
    result, _ = hold(values)
    written = json.loads(json.dumps(dump(result.document)))
    assert load(TournamentDocument, written) == result.document
    assert set(written) == KEYS
    assert all(set(finalist) == FINALIST_KEYS for finalist in written["finalists"])


def test_what_came_off_worst_on_what_was_held_out_stands_in_it():
    worst = {n: WorstItem(f"clip {n}", "nothing was heard", "turn it off") for n in (0, 7)}
    trials = {n: trial(n, 100.0 + n) for n in (0, 7)}
    quality = {n: Judgement({"wer": 0.1}, worst[n]) for n in (0, 7)}
    state = begun(BegunFor(2, Budget()), SPEED, Pairs(8, 8), trials[0], [trials[7]], quality)
    result, _ = hold({0: 100.0, 7: 170.0}, state=state)
    assert result.document.worst == worst
    assert load(TournamentDocument, json.loads(json.dumps(dump(result.document)))).worst == worst


def test_what_is_not_one_is_said_to_be_so():
    result, _ = hold({0: 100.0, 7: 170.0})
    with pytest.raises(TunerError, match=r"tournament\.json\.pairs: a whole number is needed, not 'many'"):
        load(TournamentDocument, {**dump(result.document), "pairs": "many"}, "tournament.json")
