from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engines.base import Capabilities, Model
from engines.errors import MissingModelError, ModelFileError
from engines.piper.capabilities import capabilities
from engines.piper.memory import predict_memory
from engines.piper.models import prepare, resolve_model
from engines.published import places
from search_spaces.errors import TunerError
from tests.engines.piper.voice_builder import RATE, write_voice


def _resolve(**config: Any) -> Model:
    return resolve_model(config, lambda line: None)


def test_a_voice_is_its_two_files(voice: Path, model: Model) -> None:
    assert model.name == "tiny"
    assert model.facts["config"] == f"{voice}.json"
    assert (model.facts["sample_rate"], model.facts["language"], "speaker" in model.facts) == (RATE, "en-us", False)
    file = prepare(model, {}, lambda line: None)
    assert file.path == str(voice)
    assert file.size_mib == model.facts["file_mib"]


def test_what_is_spoken_with_is_part_of_the_model(tmp_path: Path, voice: Path, model: Model) -> None:
    slower = json.loads(Path(f"{voice}.json").read_text())
    slower["inference"]["length_scale"] = 1.5
    other = tmp_path / "slower.json"
    other.write_text(json.dumps(slower))
    assert _resolve(source=str(voice), config=str(other)).digest != model.digest
    assert _resolve(source=str(voice), variants={}, config=None, speaker=None).digest == model.digest
    two = str(write_voice(tmp_path / "two.onnx", speakers=2))
    facts = [_resolve(source=two, speaker=who).facts["speaker"] for who in (None, "speaker1", 1, "1")]
    assert facts == [0, 1, 1, 1]
    assert _resolve(source=two).digest != _resolve(source=two, speaker=1).digest


def test_a_published_voice_that_was_not_fetched_is_said_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "cache_root", lambda: tmp_path)
    with pytest.raises(MissingModelError) as caught:
        _resolve(source="piper-joe")
    assert "models fetch piper-joe" in caught.value.hint


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"source": "/nowhere/voice.onnx"}, "there is no voice /nowhere/voice.onnx"),
        ({"source": "hf:rhasspy/piper-voices/en.onnx"}, "two files each"),
        ({"source": "VOICE", "config": "/nowhere.json"}, "there is no file of the voice /nowhere.json"),
        ({"source": "FOLDER", "config": "/nowhere.json"}, "is a folder"),
        ({"source": "VOICE", "speaker": 0}, "has one speaker"),
        ({"source": "VOICE", "tempo": 2}, "unknown model option"),
        ({"source": "VOICE", "variants": {"int8": "a.onnx"}}, "one file"),
    ],
)
def test_what_is_wrong_is_one_line_with_a_hint(voice: Path, config: dict[str, Any], complaint: str) -> None:
    places_of = {"VOICE": str(voice), "FOLDER": str(voice.parent)}
    with pytest.raises(TunerError) as caught:
        _resolve(**{**config, "source": places_of.get(config["source"], config["source"])})
    assert complaint in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"audio": {"sample_rate": 22050}}', '{"audio": {"sample_rate": "fast"}}']
)
def test_a_json_file_that_is_no_voice_s_is_said(voice: Path, tmp_path: Path, content: str) -> None:
    file = tmp_path / "odd.json"
    file.write_text(content)
    with pytest.raises(ModelFileError, match=r"odd\.json is no voice of Piper") as caught:
        _resolve(source=str(voice), config=str(file))
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("speaker", ["nobody", 2, -1, True, 0.5])
def test_a_speaker_that_the_voice_has_not_is_said(tmp_path: Path, speaker: Any) -> None:
    two = write_voice(tmp_path / "two.onnx", speakers=2)
    with pytest.raises(TunerError, match="speaker"):
        _resolve(source=str(two), speaker=speaker)


def test_memory_is_on_the_device_where_the_provider_is(model: Model) -> None:
    here = Capabilities({"cpu_cores": 2}, {})
    on_cpu, on_gpu = (predict_memory(model, {"provider": name}, here) for name in ("cpu", "cuda"))
    assert on_cpu.device_mib == 0
    assert on_gpu.device_mib > on_gpu.parts_mib["weights"] > 0
    assert on_gpu.host_mib < on_cpu.host_mib
    assert on_cpu.host_mib == pytest.approx(sum(on_cpu.parts_mib.values()))


def test_the_build_is_named() -> None:
    found = capabilities()
    assert set(found.build) == {"version", "onnxruntime", "build"}
    assert str(found.facts["providers"]).startswith("cpu")
