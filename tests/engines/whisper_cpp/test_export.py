from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engines.base import Model
from engines.deploy import Deployment
from engines.recognition.clips import Passage
from engines.recognition.workload import resolve_workload
from engines.whisper_cpp.export import TARGETS, export
from engines.whisper_cpp.models import prepare
from engines.whisper_cpp.session import WhisperCppSession
from engines.whisper_cpp.settings import audio_ctx
from search_spaces.errors import TunerError
from tests.engines.recognition.conftest import quiet, tone, write_wav

PARAMS: dict[str, Any] = {
    "quantization": "F16", "n_threads": 2, "n_processors": 1, "audio_ctx": "clip", "audio_headroom_ms": 500,
    "flash_attn": False, "decoding": "greedy", "temperature_fallback": False, "single_segment": True,
    "no_timestamps": True, "max_tokens": 0, "n_max_text_ctx": 0,
}  # fmt: skip


def _deploy(model: Model, **params: Any) -> Deployment:
    file = prepare(model, PARAMS, quiet)
    return Deployment("a-study", 'it\'s a "model"\nwith lines', "F16", file.path, {**PARAMS, **params}, model.facts)


def test_the_module_transcribes_as_the_session_does(model: Model, tmp_path: Path) -> None:
    (file,) = export("python", _deploy(model))
    (tmp_path / file.name).write_text(file.text)
    module = runpy.run_path(str(tmp_path / file.name))
    item = resolve_workload({"clips": "utterances", "items_per_round": 1, "eval_clips": 1}, model, quiet).items[0]
    session = WhisperCppSession(model, prepare(model, PARAMS, quiet), PARAMS)
    wanted = session.run(item).output
    session.close()
    assert module["transcribe"](module["load"](), Passage.from_json(item.payload).load()) == wanted


_USE = """
import sys, wave
import numpy as np
import stt
with wave.open(sys.argv[1]) as file:
    audio = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
print("heard:", stt.transcribe(stt.load(), audio))
"""


@pytest.mark.parametrize("params", [{}, {"decoding": "beam", "beam_size": 2, "audio_ctx": "full", "n_processors": 2}])
def test_the_module_runs_where_the_tool_is_not(model: Model, tmp_path: Path, params: dict[str, Any]) -> None:
    (file,) = export("python", _deploy(model, **params))
    (tmp_path / file.name).write_text(file.text)
    item = resolve_workload({"clips": "utterances", "items_per_round": 1, "eval_clips": 1}, model, quiet).items[0]
    audio = Passage.from_json(item.payload).load()
    clip = write_wav(tmp_path / "clip.wav", audio * min(1.0, 0.99 / float(abs(audio).max())))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", _USE, str(clip)]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    heard = next(line for line in run.stdout.splitlines() if line.startswith("heard:"))
    assert len(heard.split()) > 2


@pytest.mark.parametrize("choice", ["full", "clip", "640"])
@pytest.mark.parametrize("seconds", [0.5, 3.0, 8.123, 29.5, 45.0])
def test_the_module_takes_the_same_context(model: Model, tmp_path: Path, choice: str, seconds: float) -> None:
    deploy = _deploy(model, audio_ctx=choice)
    (file,) = export("python", deploy)
    (tmp_path / file.name).write_text(file.text)
    assert runpy.run_path(str(tmp_path / file.name))["audio_ctx"](seconds) == audio_ctx(deploy.params, seconds, 1500)


@pytest.mark.parametrize("seconds", [0.5, 3.0, 8.12, 29.5, 45.0])
@pytest.mark.parametrize("flash", [True, False])
def test_the_script_passes_the_measured_settings(model: Model, tmp_path: Path, seconds: float, flash: bool) -> None:
    if shutil.which("sh") is None:
        pytest.skip("no shell")
    deploy = _deploy(model, flash_attn=flash)
    files = {file.name: file for file in export("whisper-cli", deploy)}
    script = tmp_path / "whisper-cli.sh"
    script.write_text(files["whisper-cli.sh"].text)
    assert files["whisper-cli.sh"].executable
    wav = write_wav(tmp_path / "a clip.wav", tone(seconds))
    environment = {"WHISPER_CLI": "echo", "PATH": os.environ["PATH"]}
    run = subprocess.run(["sh", str(script), str(wav)], capture_output=True, text=True, check=True, env=environment)
    said = run.stdout.strip()
    assert f"--audio-ctx {audio_ctx(deploy.params, seconds, 1500)} --file {wav}" in said
    for part in (
        f"--model {deploy.path}",
        "--beam-size 1",
        "--no-fallback",
        "--no-timestamps",
        "--threads 2",
    ):
        assert part in said
    assert ("--flash-attn" if flash else "--no-flash-attn") in said


def test_the_vector_has_notes_on_what_it_lacks(model: Model) -> None:
    vector = json.loads(export("whisper-cli", _deploy(model, max_tokens=32))[0].text)
    assert vector["argv"][0] == "whisper-cli"
    assert any("single_segment=True has no option" in note for note in vector["notes"])
    assert any("max_tokens=32 has no option" in note for note in vector["notes"])
    assert any("cache" in note for note in vector["notes"])
    assert any("whisper-cli's own default is five beams" in note for note in vector["notes"])


def test_beams(model: Model) -> None:
    vector = json.loads(export("whisper-cli", _deploy(model, decoding="beam", beam_size=3))[0].text)
    assert vector["argv"][vector["argv"].index("--beam-size") + 1] == "3"
    assert not any("five beams" in note for note in vector["notes"])


def test_an_unknown_target_and_knob_are_refused(model: Model) -> None:
    with pytest.raises(TunerError):
        export("docker", _deploy(model))
    for target in TARGETS:
        with pytest.raises(TunerError):
            export(target, _deploy(model, colour="red"))
