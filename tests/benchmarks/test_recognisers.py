import pytest

from benchmarks.recognisers import CONTENDERS, SHOWN, Played, play, row
from search_spaces.errors import TunerError
from search_spaces.template import load_template
from tuner.core.trial import MetricValue, TrialResult, TrialStatus

FACTS = {"cpu_cores": 4}


def _result(latency_ms: float, judged: bool) -> TrialResult:
    metrics = {name: MetricValue(latency_ms, None, "") for name in SHOWN}
    quality = {"wer": 0.1, "failed_clips": 0.0} if judged else {}
    return TrialResult(-1, {}, TrialStatus.OK, metrics=metrics, quality=quality)


def test_each_is_judged_once_and_played_in_a_rotated_order():
    asked = []

    def run(contender, plan):
        asked.append((contender.name, plan.quality))
        return _result(100.0 if contender is CONTENDERS[0] else 50.0, plan.quality)

    three = CONTENDERS[:3]
    played = play(three, 3, run)
    names = [c.name for c in three]
    assert asked[:3] == [(name, True) for name in names]
    assert [name for name, _ in asked[3:]] == [*names, names[1], names[2], names[0], names[2], names[0], names[1]]
    assert not any(judged for _, judged in asked[3:])
    assert all(len(one.rounds["latency_ms"]) == 3 for one in played)
    assert row(three[0], played[0], played[0]).split(" | ")[2] == "1"
    assert row(three[1], played[1], played[0]).split(" | ")[2].startswith("2.00 (2.00 to")
    assert row(three[1], played[1], played[0]).endswith("| 10.0 % | 0.0 % |")


def test_one_that_fails_is_named():
    with pytest.raises(TunerError, match="a contender failed: no memory"):
        Played().add(TrialResult(-1, {}, TrialStatus.OUT_OF_MEMORY, reason="no memory"))


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda c: c.name)
def test_the_knobs_are_the_engines(contender):
    space = load_template({"whisper_cpp": "stt", "faster_whisper": "stt_faster_whisper"}[contender.engine]).bind(FACTS)
    assert contender.params.keys() <= {knob.name for knob in space.knobs}
    params = space.canonical({**space.baseline, **contender.params})
    assert {name: params[name] for name in contender.params} == dict(contender.params)
