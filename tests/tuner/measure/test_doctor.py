import json
import subprocess
import sys
from pathlib import Path

import pytest

from engines.base import TASKS
from engines.registry import default_engine, offered
from search_spaces.errors import EnvironmentLackingError, TunerError
from tuner.cli.main import main
from tuner.measure import doctor, worker_process
from tuner.measure.doctor import diagnose
from tuner.measure.host import host_noise, surroundings


def test_an_engine_that_works(capsys):
    assert main(["doctor", "fake", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (engine,) = document["engines"]
    assert (engine["name"], engine["task"], engine["missing"]) == ("fake", "llm", "")
    assert engine["build"] == {"version": "1", "build": "fake"}
    assert engine["facts"]["cpu_cores"] == 8
    assert document["healthy"] is True
    assert document["hardware"]["class"]


def test_what_is_missing_comes_with_the_command_that_gets_it(monkeypatch, capsys):
    def lacking(engine, operation, timeout_s):
        raise EnvironmentLackingError("llama_cpp is not installed", "python -m pip install -e '.[llm]'")

    monkeypatch.setattr(worker_process, "ask", lacking)
    assert main(["doctor", "fake"]) == 3
    text = capsys.readouterr().out
    assert "llama_cpp is not installed" in text
    assert "python -m pip install -e '.[llm]'" in text
    assert "not ready" in text


def test_what_a_build_leaves_unused_is_told_with_the_command_that_mends_it(monkeypatch, capsys):
    build = {
        "version": "1",
        "build": "b",
        "unused": "AVX-512 of this processor is not used",
        "rebuild": "pip install x",
    }
    monkeypatch.setattr(worker_process, "ask", lambda engine, operation, timeout_s: {"build": build, "facts": {}})
    assert main(["doctor", "fake"]) == 0
    told = capsys.readouterr().out
    assert "warning    fake: AVX-512 of this processor is not used; rebuild it: pip install x" in told
    assert told.count("AVX-512") == 1


def test_what_may_not_pay_is_a_remark_and_a_build_tells_what_it_has(monkeypatch, capsys):
    build = {"version": "1", "features": "CPU : SSE3 = 1 | AVX512 = 0 | AVX2 = 1 | ARCH = 900", "remark": "try: pip x"}
    monkeypatch.setattr(worker_process, "ask", lambda engine, operation, timeout_s: {"build": build, "facts": {}})
    monkeypatch.setattr(surroundings, "_WATCH_S", 0.01)
    main(["doctor", "fake"])
    told = capsys.readouterr().out
    assert "engine     fake (llm): version=1 features=SSE3,AVX2\n" in told
    assert "remark     fake: try: pip x\n" in told
    assert "warning    fake" not in told


def test_every_engine_is_told_of_and_only_those_of_the_tasks_are_needed(monkeypatch):
    def asked(engine, operation, timeout_s):
        if engine == "piper":
            raise EnvironmentLackingError("piper-tts is not installed", "pip install it")
        return {"build": {"version": "1"}, "facts": {}}

    monkeypatch.setattr(worker_process, "ask", asked)
    monkeypatch.setattr(surroundings, "_WATCH_S", 0.01)
    diagnosis = diagnose()
    states = {state.name: state for state in diagnosis.engines}
    assert set(states) == {engine.name for engine in offered()}
    assert {name for name, state in states.items() if state.needed} == {default_engine(task) for task in TASKS}
    assert states["piper"].missing == "piper-tts is not installed"
    assert diagnosis.healthy
    assert not any("piper" in warning for warning in diagnosis.warnings)


def test_an_unknown_engine():
    with pytest.raises(TunerError, match="unknown engine 'fak'"):
        diagnose(["fak"])


def test_the_cache_is_found_and_measured(monkeypatch, tmp_path):
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path))
    (tmp_path / "deep").mkdir()
    with (tmp_path / "deep" / "model").open("wb") as file:
        file.truncate(3 * 1024**3)  # sparse
    cache = diagnose(["fake"]).cache
    assert cache.path == str(tmp_path)
    assert cache.used_gib == 3
    assert cache.free_gib > 0
    assert cache.writable


def test_a_cache_that_is_not_there_yet_is_judged_by_its_parent(monkeypatch, tmp_path):
    monkeypatch.setenv("TUNER_CACHE", str(tmp_path / "a" / "b"))
    assert diagnose(["fake"]).cache.writable
    (tmp_path / "a").write_text("")
    assert not diagnose(["fake"]).cache.writable


def test_folders_without_room_or_permission_are_warned_of(monkeypatch, tmp_path):
    monkeypatch.setenv("TUNER_CACHE", "/proc/nothing")
    monkeypatch.setattr(doctor, "_LOW_DISK_GIB", 1e9)
    diagnosis = diagnose(["fake"])
    cache, outputs = diagnosis.warnings[:2]
    assert "'/proc/nothing' cannot be written: set TUNER_CACHE" in cache
    assert "GiB free: free space or give another folder with outputs=DIR" in outputs
    assert not diagnosis.healthy


def test_a_system_that_does_not_tell_what_others_take_is_not_called_quiet(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(host_noise, "_STAT", tmp_path / "none")
    monkeypatch.setattr(surroundings, "_WATCH_S", 0.01)
    assert main(["doctor", "fake"]) == 0
    told = capsys.readouterr().out
    assert "now        unknown: this system does not tell what others take" in told
    assert "quiet" not in told


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="the counters are Linux's")
def test_a_busy_machine_is_noticed_and_the_busiest_named():
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        diagnosis = diagnose(["fake"])
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert not diagnosis.surroundings.quiet
    assert diagnosis.surroundings.others_cores > 0.1
    named = diagnosis.surroundings.busiest
    assert named
    # a machine that is busy anyway may have still busier ones
    assert any(str(process.pid) in name for process in busy for name in named) or len(named) >= len(busy)
    assert "the machine is busy" in diagnosis.warnings[-1]
