import numpy as np
import pytest

from engines.cosyvoice.requests import Request
from engines.cosyvoice.takes import due_seconds, farthest, sample_of
from engines.synthesis.speech import Chunk, Speech

REQUEST = Request("zero_shot", "Good morning.")


def take(seconds: float, first_s: float = 0.5) -> Speech:
    return Speech((Chunk(first_s, np.zeros(round(1000 * seconds), np.float32)),), 1000, first_s)


def test_each_of_several_counts_by_itself() -> None:
    """One that is too short does not lend its seconds to one that is too long."""
    assert due_seconds([take(1.5), take(2.5)], 2.0) == 3.5
    assert due_seconds([take(2.5)], None) is None


@pytest.mark.parametrize("lengths", [(2.1, 1.6, 2.3), (2.1, 2.6, 1.9)])
def test_of_several_the_one_that_is_farthest_off_is_judged(lengths: tuple[float, ...]) -> None:
    assert farthest([take(s) for s in lengths], 2.0).seconds == lengths[1]
    assert farthest([take(s) for s in lengths], None).seconds == lengths[0]


def test_the_time_to_the_first_audio_is_that_of_the_one_who_waits_longest() -> None:
    made = sample_of("a", REQUEST, [take(2.0, 0.5), take(2.0, 0.8)], 1.0, {"llm_s": 0.3}, 2.0)
    assert made.output_times_s == (0.8,)
    assert (made.units_in, made.units_out, made.done_s) == (2 * 13, 4.0, 1.0)
    assert made.requests_s == pytest.approx(1.3)
    assert (made.due, made.stages_s["llm"]) == (4.0, 0.3)
