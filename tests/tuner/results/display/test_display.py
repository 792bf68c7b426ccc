from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tuner.synthetic import TRIALS, outcome, study_info
from tuner.core.events import Observer, Standing
from tuner.results.display import make_display
from tuner.results.display.plain import PlainDisplay

ROOT = Path(__file__).resolve().parents[4]
STANDINGS = [Standing(5, 1.75, (1.71, 1.79), 4), Standing(1, 1.45, None, 1)]


def play(display: Observer) -> None:
    """A whole study, event by event."""
    display.progress("quantizing to Q4_0")
    display.study_started(study_info(Path("outputs/llm-tiny-0a1b")))
    for trial in TRIALS:
        display.trial_started(trial.number, trial.params, "search" if trial.number else "baseline")
        for n in range(trial.rounds):
            display.round_finished(trial.number, n + 1, 100.0)
        display.trial_finished(trial)
    display.notice("trial 4 was disturbed")
    display.tournament_progress([], 0, 8)
    display.tournament_progress(STANDINGS, 4, 8)
    display.study_finished(outcome())


def test_plain_lines_have_one_per_trial() -> None:
    stream = io.StringIO()
    play(make_display(stream))
    lines = stream.getvalue().splitlines()
    trials = [line for line in lines if re.match(r"trial +\d", line) and "finalist" not in line][: len(TRIALS)]
    assert [int(line.split()[1]) for line in trials] == [trial.number for trial in TRIALS]
    assert "crashed" in trials[2]
    assert "killed by signal 11" in trials[2]
    assert trials[5].endswith("[quantization=Q6_K flash_attn=on]")
    assert "note: trial 4 was disturbed" in lines
    assert "tournament 4/8  trial 5 ×1.750 (1.710–1.790), trial 1 …" in lines
    assert lines[0] == "… quantizing to Q4_0"
    assert "at most 8 trials or 4 min" in lines[1]
    assert "trial 5 is 1.75 times faster than the default (95 % interval 1.71–1.79)" in lines


def test_finalists_that_are_proven_play_among_themselves() -> None:
    """Their ratios to the default change no more, and the lines say why."""
    stream = io.StringIO()
    display = make_display(stream)
    display.tournament_progress([Standing(5, 1.75, (1.71, 1.79), 8, settled=True)], 9, 32)
    assert stream.getvalue() == "tournament 9/32  proven, finalists among themselves: trial 5 ×1.750 (1.710–1.790)\n"


def test_plain_lines_have_no_control_characters() -> None:
    stream = io.StringIO()
    play(make_display(stream))
    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()


def test_preparation_is_told_once() -> None:
    stream = io.StringIO()
    display = make_display(stream)
    for text in ("quantizing to Q4_0", "quantizing to Q4_0", "downloading", "quantizing to Q4_0"):
        display.progress(text)
    assert stream.getvalue().splitlines() == ["… quantizing to Q4_0", "… downloading", "… quantizing to Q4_0"]


def test_how_far_preparation_is_makes_no_lines_of_its_own() -> None:
    stream = io.StringIO()
    display = PlainDisplay(stream)
    for text in (
        "quantizing to Q6_K 0 %",
        "quantizing to Q6_K 10 %",
        "quantizing to Q4_0 0 %",
        "reading",
        "reading 5%",
    ):
        display.progress(text)
    assert stream.getvalue().splitlines() == ["… quantizing to Q6_K", "… quantizing to Q4_0", "… reading"]
    assert display.state.preparing == "reading 5%"


def test_a_resumed_study_says_where_it_starts() -> None:
    stream = io.StringIO()
    make_display(stream).study_started(study_info(Path("s"), TRIALS[:3]))
    assert "resumes after 3 trials" in stream.getvalue()


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("I/O operation on closed file")])
def test_a_reader_that_has_left_does_not_end_the_sweep(error: Exception) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise error

    play(make_display(Gone()))


def test_a_stream_that_cannot_say_it_survives_odd_text() -> None:
    """A pipe whose encoding lacks `×` and `±` gets a stand-in rather than an exception."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    play(make_display(stream))
    stream.seek(0)
    text = stream.read()
    assert "150 ? 3.0 tok/s" in text
    assert text.rstrip().endswith("python -m tuner ui")


PLAY = """
import sys
from tests.tuner.results.display.test_display import play
from tuner.results.display import make_display
display = make_display(sys.stderr)
assert type(display).__name__ == sys.argv[1], type(display)
play(display)
print("result", flush=True)
"""


def on_terminal(code: str, *arguments: str, term: str = "xterm", **kwargs: str) -> tuple[str, str, int]:
    """Standard error as a terminal of 100 columns saw it, standard output, exit status."""
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": term, "COLUMNS": "100", "LINES": "40", **kwargs}
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stderr=slave,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    ) as process:
        os.close(slave)
        seen = b""
        while True:
            try:
                chunk = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            seen += chunk
        assert process.stdout is not None
        output = process.stdout.read()
    os.close(master)
    return seen.decode(), output, process.returncode


def without_escapes(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_a_terminal_sees_a_panel_that_is_taken_down_and_a_summary() -> None:
    seen, output, status = on_terminal(PLAY, "LiveDisplay")
    text = without_escapes(seen)
    assert status == 0, text
    assert output == "result\n", "standard output belongs to the result"
    assert "8/8 trials" in text
    assert "trial 5" in text
    assert "×1.750 (1.710–1.790)" in text
    assert "─●─" in text
    assert "times better" in text
    assert text.rstrip().endswith("python -m tuner ui")
    assert "\x1b[?25l" not in seen, "a cursor that is hidden stays hidden when the process is killed"


def test_a_dumb_terminal_gets_plain_lines() -> None:
    seen, _, status = on_terminal(PLAY, "PlainDisplay", term="dumb")
    assert status == 0
    assert "\x1b" not in seen


def test_no_colour_when_the_user_wants_none() -> None:
    seen, _, status = on_terminal(PLAY, "LiveDisplay", NO_COLOR="1")
    assert status == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", seen)


INTERRUPTED = """
import sys, time
from pathlib import Path
from tests.tuner.synthetic import TRIALS, study_info
from tuner.results.display import make_display
display = make_display(sys.stderr)
display.study_started(study_info(Path("s")))
display.trial_finished(TRIALS[0])
raise KeyboardInterrupt
"""


def test_the_panel_goes_when_the_process_ends_in_an_exception() -> None:
    seen, _, _ = on_terminal(INTERRUPTED)
    assert "KeyboardInterrupt" in seen
    after_the_last_panel = seen[seen.rindex("choosing the next trial") :]
    assert after_the_last_panel.count("\x1b[2K") >= 5, "its lines are erased"


BENCH = """
import sys
from tuner.results.display import make_display
display = make_display(sys.stderr)
display.progress("quantizing to Q4_0")
display.round_finished(-1, 3, None)
display.close()
"""


def test_without_a_study_the_panel_shows_only_what_runs() -> None:
    seen, _, status = on_terminal(BENCH)
    text = without_escapes(seen)
    assert status == 0
    assert "quantizing to Q4_0" in text
    assert "round 3" in text
    assert "search" not in text


IDLE = """
import sys, time
from pathlib import Path
from tests.tuner.synthetic import TRIALS, study_info
from tuner.results.display import live, make_display
display, panel, drawn = make_display(sys.stderr), live.panel, []
live.panel = lambda state: drawn.append(state) or panel(state)
display.study_started(study_info(Path("s"), TRIALS))
display.trial_started(9, TRIALS[0].params, "search")
drawn.clear()
begin = time.monotonic()
time.sleep(3)
print(len(drawn), time.monotonic() - begin)
display.close()
"""


def test_the_panel_takes_little_of_the_processor() -> None:
    """It is drawn once a second while nothing happens."""
    _, output, _ = on_terminal(IDLE)
    drawn, seconds = output.split()
    assert int(drawn) <= float(seconds) + 2


def test_closing_twice_is_closing() -> None:
    display = PlainDisplay(io.StringIO())
    display.close()
    display.close()


def test_a_burst_of_events_is_quick() -> None:
    begin = time.process_time()
    play(make_display(io.StringIO()))
    assert time.process_time() - begin < 1.0
