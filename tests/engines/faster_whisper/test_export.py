from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engines.base import Model
from engines.deploy import Deployment
from engines.embedded.clips import UTTERANCE, spoken_clips
from engines.faster_whisper.export import export
from engines.recognition.clips import EMBEDDED_AUDIO, Clip
from search_spaces.errors import TunerError
from search_spaces.parameter import Params

PARAMS: Params = {
    "device": "cpu", "compute_type": "int8", "cpu_threads": 2, "beam_size": 1, "best_of": 5, "vad_filter": False,
    "temperature_fallback": False, "batched": False, "num_workers": 1, "without_timestamps": True,
}  # fmt: skip


def _deploy(path: str = "/models/my whisper/model.bin", **params: Any) -> Deployment:
    return Deployment("a\nstudy", "mine", "float16", path, {**PARAMS, **params}, {"language": "en"})


def test_the_module_transcribes(model: Model) -> None:
    (file,) = export("python", _deploy(model.variants[model.native]))
    module: dict[str, Any] = {}
    exec(file.text, module)
    clip = next(c for c in spoken_clips() if c.kind == UTTERANCE)
    audio = Clip(clip.id, EMBEDDED_AUDIO, clip.start_s, clip.seconds, clip.text).load()
    loaded = module["load"](cpu_threads=1)
    assert module["transcribe"](loaded, audio) == clip.text
    assert module["MODEL"] == {"device": "cpu", "compute_type": "int8", "cpu_threads": 2, "num_workers": 1}
    assert module["CALL"]["temperature"] == 0.0


def test_a_batched_winner_is_a_pipeline(model: Model) -> None:
    (file,) = export("python", _deploy(batched=True, batch_size=16, vad_filter=True))
    assert "BATCHED = True" in file.text
    assert "'batch_size': 16" in file.text


def test_the_command_s_options(tmp_path: Path) -> None:
    document, script = export("whisper-ctranslate2", _deploy())
    content = json.loads(document.text)
    assert content["argv"] == [
        "whisper-ctranslate2", "--model_directory", "/models/my whisper", "--local_files_only", "True",
        "--language", "en", "--device", "cpu", "--compute_type", "int8", "--threads", "2", "--beam_size", "1",
        "--best_of", "5", "--vad_filter", "False", "--batched", "False", "--temperature_increment_on_fallback", "None",
    ]  # fmt: skip
    assert "without_timestamps=True has no option in whisper-ctranslate2: it stays at its default" in content["notes"]
    assert script.executable
    (tmp_path / script.name).write_text(script.text)
    told = tmp_path / "told"
    told.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    told.chmod(0o755)
    run = subprocess.run(
        ["sh", tmp_path / script.name, "a clip.wav"],
        env={**os.environ, "WHISPER_CTRANSLATE2": str(told)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.splitlines() == [*content["argv"][1:], "a clip.wav"]


def test_an_unknown_target_or_knob_is_one_line() -> None:
    with pytest.raises(TunerError, match="export target"):
        export("docker", _deploy())
    with pytest.raises(TunerError, match="knob of faster_whisper"):
        export("python", _deploy(beams=2))
