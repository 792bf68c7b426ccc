"""tournament.json."""

import json

import pytest

from search_spaces.errors import TunerError
from tests.tuner.tournament.tournaments import hold
from tuner.core.documents import dump, load
from tuner.tournament.document import TournamentDocument

KEYS = {
    "objective", "baseline", "baseline_metrics", "finalists", "pairs", "pairs_most", "blocks", "quiet",
    "repeated_rounds", "noise", "winner", "verdict", "trials", "exhausted", "summary",
    "stock", "vetoed", "selection",
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


def test_what_is_not_one_is_said_to_be_so():
    result, _ = hold({0: 100.0, 7: 170.0})
    with pytest.raises(TunerError, match=r"tournament\.json\.pairs: a whole number is needed, not 'many'"):
        load(TournamentDocument, {**dump(result.document), "pairs": "many"}, "tournament.json")
