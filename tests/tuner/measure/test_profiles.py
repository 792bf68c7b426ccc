from dataclasses import replace

from engines.base import Sample
from tuner.core.trial import Stage, Stages
from tuner.measure.host.host_noise import HostNoise
from tuner.measure.measurement import Round
from tuner.measure.profiles import iterations, stages


def sample(seconds: float, **stages_s: float) -> Sample:
    return Sample("a", (seconds,), seconds, 1.0, 2.0, stages_s=stages_s, counts={"llm": 9})


def test_stages_are_means_of_an_item_and_the_largest_is_the_bottleneck() -> None:
    told = stages([sample(5.0, llm=1.0, flow=3.0), sample(5.0, llm=2.0, flow=6.0)])
    assert told == Stages({"llm": Stage(1.5, 0.25), "flow": Stage(4.5, 0.75)}, "flow")


def test_what_is_no_work_is_no_stage() -> None:
    assert stages([replace(sample(5.0), requests_s=5.0, stall_s=1.0)]) is None
    assert stages([sample(5.0)]) is None


def test_an_iteration_is_a_round_with_what_it_produced() -> None:
    made = Round((sample(1.0), sample(2.0)), {"rtf": 0.5}, HostNoise(), 1.0, 3.0)
    assert iterations([made]) == [{"rtf": 0.5, "units_out": 4.0}]
