from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.base import Model
from engines.deploy import Deployment
from engines.piper.export import TARGETS, export
from engines.piper.models import prepare, resolve_model
from engines.piper.session import PiperSession
from tests.engines.piper.voice_builder import write_voice

PARAMS: dict[str, Any] = {
    "provider": "cpu", "intra_op_threads": 1, "graph_optimization": "extended", "spinning": False, "memory_arena": True,
    "split": "clause", "first_chunk": "words", "first_words": 2,
}  # fmt: skip
TEXT = "Thank you. The train leaves from platform six, and it is late."
_USE = """
import sys
import numpy as np
import tts
voice = tts.Voice()
chunks = list(voice.speak(sys.argv[1], noise_scale=0.0, noise_w_scale=0.0))
np.save("heard.npy", np.concatenate(chunks))
print(len(chunks), voice.sample_rate)
"""


def _deployed(model: Model, params: dict[str, Any]) -> Deployment:
    return Deployment("a-study", 'a "model"\nwith lines', "", model.variants[""], params, model.facts)


def _write(folder: Path, target: str, deploy: Deployment) -> None:
    for made in export(target, deploy):
        (folder / made.name).write_text(made.text)
        (folder / made.name).chmod(0o755 if made.executable else 0o644)


def _spoken(model: Model, params: dict[str, Any]) -> list[Any]:
    session = PiperSession(model, prepare(model, params, lambda line: None), params)
    return [chunk.samples for chunk in session.listen(TEXT).chunks]


@pytest.mark.parametrize("speaker", [None, 1])
def test_the_module_speaks_as_the_session_does(tmp_path: Path, speaker: int | None) -> None:
    path = write_voice(tmp_path / "voice.onnx", speakers=1 if speaker is None else 2)
    model = resolve_model({"source": str(path), "speaker": speaker}, lambda line: None)
    _write(tmp_path, "python", _deployed(model, PARAMS))
    run = subprocess.run([sys.executable, "-c", _USE, TEXT], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    wanted = _spoken(model, PARAMS)
    assert run.stdout.split() == [str(len(wanted)), "22050"]
    assert len(wanted) > 2
    assert np.array_equal(np.load(tmp_path / "heard.npy"), np.concatenate(wanted))


def test_the_module_does_not_run_on_another_provider_than_was_measured(model: Model, tmp_path: Path) -> None:
    """onnxruntime itself goes on with the CPU."""
    _write(tmp_path, "python", _deployed(model, {"provider": "cuda"}))
    run = subprocess.run([sys.executable, "-c", _USE, TEXT], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode
    assert "CUDAExecutionProvider does not load here" in run.stderr


def test_the_script_starts_piper_s_command_line_which_speaks_as_the_session_does(model: Model, tmp_path: Path) -> None:
    _write(tmp_path, "piper", _deployed(model, {"split": "sentence"}))
    (tmp_path / "piper").write_text(f'#!/bin/sh\nexec {sys.executable} -m piper "$@"\n')
    (tmp_path / "piper").chmod(0o755)
    run = subprocess.run(
        [str(tmp_path / "piper.sh"), "--noise-scale", "0", "--noise-w-scale", "0"],
        input=f"{TEXT}\n".encode(), capture_output=True, env={"PIPER": str(tmp_path / "piper")},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    wanted = np.concatenate(_spoken(model, {}))
    assert np.array_equal(np.frombuffer(run.stdout, np.int16), (wanted * 32767.0).astype(np.int16))


def test_the_command_says_what_it_has_no_option_for(model: Model) -> None:
    document = json.loads(export("piper", _deployed(model, PARAMS))[0].text)
    assert document["argv"] == ["piper", "--model", model.variants[""], "--output-raw"]
    lost = [note.partition("=")[0] for note in document["notes"] if "has no option" in note]
    assert lost == ["intra_op_threads", "graph_optimization", "spinning", "split", "first_chunk"]
    (on_gpu, _) = export("piper", _deployed(model, {"provider": "cuda"}))
    assert json.loads(on_gpu.text)["argv"][-1] == "--cuda"
    assert not any("has no option" in note for note in json.loads(on_gpu.text)["notes"])


def test_a_config_that_the_command_would_not_read_is_said(model: Model, tmp_path: Path) -> None:
    deploy = _deployed(model, {})
    other = Deployment(**{**vars(deploy), "facts": {**model.facts, "config": "/elsewhere/voice.json"}})
    assert any("/elsewhere/voice.json" in note for note in json.loads(export("piper", other)[0].text)["notes"])


def test_the_settings_are_all_that_the_module_has(model: Model) -> None:
    (made,) = export("json", _deployed(model, PARAMS))
    document = json.loads(made.text)
    assert document["options"] == {"intra_op_num_threads": 1, "enable_cpu_mem_arena": True}
    assert document["splitting"] == {"split": "clause", "first_chunk": "words", "first_words": 2}
    assert (document["model_path"], document["providers"]) == (model.variants[""], ["CPUExecutionProvider"])


def test_targets() -> None:
    assert set(TARGETS) == {"python", "piper", "json"}
