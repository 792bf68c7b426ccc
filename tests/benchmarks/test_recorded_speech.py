"""Recording a grid of speech, with a recogniser that is scripted."""

import contextlib
import time
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from benchmarks.capped_recogniser import CappedRecogniser
from benchmarks.journal import Journal
from benchmarks.recorded_space import bound
from benchmarks.recorded_speech import Recorder, configurations, rows, visits
from engines.base import Model
from engines.recognition.clips import Clip, Passage
from engines.recognition.quality import Heard
from engines.recognition.session import RecogniserSession
from engines.registry import load_engine
from search_spaces.errors import TunerError
from tests.benchmarks.speech_grids import FACTS, setting
from tuner.core.params import key

GRID = [
    {"quantization": "F16", "n_threads": 2},
    {"quantization": "Q8_0", "n_threads": 2},
    {"quantization": "F16", "n_threads": 1},
]
CLIPS = [Passage((Clip(f"clip-{n}", "", 0.0, 2.0, "turn the light off"),), 0.0) for n in range(8)]


class Machine:
    """Hears what is said in a second, Q8_0 in half of one; in clip 3 it hears nothing for a long time."""

    def __init__(self):
        self.caps, self.opened = {}, []

    @contextlib.contextmanager
    def __call__(self, params):
        self.opened.append(params)
        yield SimpleNamespace(hear=partial(self.hear, params), load_s=0.1, peak_mib=200.0, cpu_s=0.0)

    def hear(self, params, at, cap_s):
        self.caps.setdefault((params["quantization"], params["n_threads"], at), cap_s)
        if params["quantization"] == "Q8_0":
            return None if at == 3 else Heard("turn the light of", 0.5)
        return Heard("turn the light off", 1.0)


def recorder(machine, folder, minutes=60.0, grid=GRID):
    made = Recorder(Journal(folder / "a.partial", {"of": "this"}), grid, CLIPS, machine)
    made.run(minutes)
    return made


def model():
    return Model("made-up", "", "0", {}, "F16", "F16", FACTS)


def test_each_configuration_hears_all_clips_and_some_of_them_again_in_another_process(tmp_path):
    machine = Machine()
    found = rows(recorder(machine, tmp_path), GRID, CLIPS, model())
    assert machine.opened == [*GRID, *GRID]
    assert [len(row.cells) for row in found] == [8, 8, 8]
    plain, quick, _ = found
    assert [c.again_s for c in plain.cells] == [1.0, None, None, None, None, None, 1.0, None]
    assert {c.words_wrong for c in plain.cells} == {0}
    assert [c.words_wrong for c in quick.cells] == [1, 1, 1, 4, 1, 1, 1, 1]
    assert [row.model_mib for row in found] == [74.0, 42.0, 74.0]


def test_a_clip_is_given_up_once_it_is_late_for_certain(tmp_path):
    """Over five times as long as the default, and one thread has twice that; the default itself has the most time."""
    machine = Machine()
    found = rows(recorder(machine, tmp_path), GRID, CLIPS, model())
    assert (machine.caps["Q8_0", 2, 3], machine.caps["F16", 1, 3]) == (6.25, 12.5)
    given_up = found[1].cells[3]
    assert (given_up.text, given_up.seconds) == (None, 6.25)
    assert given_up.failure == "no transcript within 6.2 s"
    assert machine.caps["F16", 2, 3] == 30.0


def test_an_interrupted_recording_goes_on(tmp_path):
    recorder(Machine(), tmp_path)
    journal = tmp_path / "a.partial"
    *kept, last = journal.read_text().splitlines()
    journal.write_text("\n".join([*kept[:3], last[:20]]))
    again = Machine()
    made = recorder(again, tmp_path)
    assert again.opened == [GRID[2], *GRID]
    assert made.recorded == [0, 1, 2]


def test_what_there_is_no_time_for_is_left_out(tmp_path):
    machine = Machine()
    made = recorder(machine, tmp_path, minutes=-1.0)
    assert (machine.opened, made.recorded) == ([], [])


def test_the_second_time_comes_after_a_few_others():
    assert visits(6) == [
        *(("first", n) for n in range(4)), *(("again", n) for n in range(4)),
        ("first", 4), ("first", 5), ("again", 4), ("again", 5),
    ]  # fmt: skip


def test_what_is_recorded_begins_with_the_default_and_holds_what_a_search_begins_with():
    space = bound(setting(), load_engine("whisper_cpp").space)
    grid = configurations(space)
    assert 32 <= len(grid) <= 48
    assert grid[0] == space.baseline
    names = [key(params) for params in grid]
    assert len(set(names)) == len(names)
    assert key(space.initial_configuration()) in names
    assert not any(space.violation_degree(params) for params in grid)
    assert all(key({**params, "n_threads": 2}) in names for params in grid), "by which one thread is judged"


class Sleeper(RecogniserSession):
    """Sleeps as long as the sound lasts."""

    def transcribe(self, audio, on_segment):
        if not audio.size > 3200:
            raise ValueError("too short for me")
        time.sleep(audio.size / 16000)
        return f"{audio.size} samples"


def load_sleeper():
    return Sleeper(), 0.25


@pytest.fixture
def sounds(tmp_path):
    """Of half a second, half a minute, and the tenth of a second."""
    made = []
    for number, seconds in enumerate((0.5, 30.0, 0.1)):
        file = tmp_path / f"{number}.wav"
        soundfile.write(file, np.sin(np.arange(int(16000 * seconds))), 16000)
        made.append(Passage((Clip(str(number), str(file), 0.0, seconds, "hum"),), 0.0))
    return made


def test_a_clip_that_takes_too_long_ends_the_process_and_the_next_one_has_another(sounds):
    with CappedRecogniser(load_sleeper, sounds) as recogniser:
        first, pid = recogniser.hear(0, 60.0), recogniser.pid
        assert first.text == "8000 samples"
        assert first.seconds >= 0.5
        assert recogniser.hear(1, 0.3) is None
        assert recogniser.hear(0, 60.0).text == "8000 samples"
        assert recogniser.pid != pid
        assert recogniser.load_s == 0.25
        assert recogniser.peak_mib > 10
        with pytest.raises(TunerError, match="the recogniser failed: ValueError: too short for me"):
            recogniser.hear(2, 60.0)
    assert recogniser.cpu_s > 0
