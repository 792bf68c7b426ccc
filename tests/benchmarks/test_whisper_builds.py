import sys

import pytest

from benchmarks import whisper_builds
from benchmarks.whisper_builds import Subject, compare, main, row


def test_both_interpreters_are_measured_in_turn(monkeypatch):
    loads, rounds = [], []

    class Build:
        def __init__(self, stack, python, subject, params):
            loads.append(python)
            self._python = python

        def rtf(self):
            rounds.append(self._python)
            return {"slow": 0.2, "fast": 0.1}[self._python]

    monkeypatch.setattr(whisper_builds, "Build", Build)
    values = compare(["slow", "fast"], Subject("e", {}, {}), {}, pairs=3)
    assert values == ([0.2] * 3, [0.1] * 3)
    assert rounds == ["slow", "fast", "fast", "slow", "slow", "fast"]
    assert loads == ["slow", "fast"] * 3, "loaded anew for every pair"


def test_a_line_says_how_much_and_how_sure():
    line = row("library defaults", ([0.30, 0.32, 0.31], [0.20, 0.21, 0.21]))
    words = line.split()
    assert words[2:5] == ["0.3100", "0.2100", "1.50"]
    low, high = float(words[5]), float(words[7])
    assert 1.4 < low < 1.50 < high < 1.6


def test_one_build_against_itself_from_end_to_end(monkeypatch, capsys):
    monkeypatch.setattr(
        sys, "argv",
        ["whisper_builds", "--python", sys.executable, "--python", sys.executable, "--pairs", "2",
         "--only", "audio_ctx=clip", "--model", '{"source": "embedded", "shape": "small-trained"}',
         "--workload", '{"clips": "chunks", "items_per_round": 1, "eval_clips": 1}'],
    )  # fmt: skip
    main()
    lines = capsys.readouterr().out.splitlines()
    assert sum("AVX2" in line or "NEON" in line for line in lines) == 2
    assert lines[-1].startswith("audio_ctx=clip")
    assert len(lines[-1].split()) == 7


def test_what_is_no_interpreter_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["whisper_builds", "--python", "/nowhere/python", "--python", sys.executable])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    assert capsys.readouterr().err.startswith("error: ")
