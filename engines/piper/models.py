"""Voices of Piper as models."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.base import Model, ModelFile, Progress
from engines.cache import file_sha256
from engines.errors import SWEEP_AGAIN, ModelFileError
from engines.hub import PREFIX
from search_spaces.errors import TunerError, unknown_name
from search_spaces.parameter import Params, Value

_OPTIONS = ("source", "variants", "config", "speaker")
_MIB = 1024 * 1024


def resolve_model(config: Mapping[str, Any], progress: Progress) -> Model:
    """The Model of a `model` configuration. Raises ModelFileError, MissingModelError, TunerError.

    `source` is VOICE.onnx or the name of a published voice, `config` its VOICE.onnx.json where that is not beside it,
    `speaker` one of a voice of several by name or number.
    """
    for option in config:
        if option not in _OPTIONS:
            raise unknown_name("model option", str(option), _OPTIONS)
    if config.get("variants"):
        raise TunerError("a voice of Piper is one file", "write model=VOICE.onnx")
    from engines.piper.voice_file import read_voice  # not above: it imports pydantic

    path = _file(str(config["source"]))
    settings = Path(str(config.get("config") or f"{path}.json")).expanduser().absolute()
    voice = read_voice(path, settings)
    facts: dict[str, Value] = {
        "config": str(settings),
        "sample_rate": voice.audio.sample_rate,
        "language": voice.espeak.voice,
        "file_mib": path.stat().st_size / _MIB,
    }
    if (speaker := voice.speaker(config.get("speaker"))) is not None:
        facts["speaker"] = speaker
    spoken = [file_sha256(path, progress), file_sha256(settings), speaker]
    digest = hashlib.sha256(repr(spoken).encode()).hexdigest()
    return Model(path.stem, str(config["source"]), digest, {"": str(path)}, "", "", facts)


def _file(source: str) -> Path:
    from engines.published.catalogue import catalogue  # not above: it imports pydantic
    from engines.published.places import options_for

    if source in catalogue():
        source = options_for(catalogue()[source], "piper")["source"]
    if source.startswith(PREFIX):
        raise ModelFileError(
            f"Piper's voices are two files each, and {source} is one",
            "python -m piper.download_voices NAME, then model=NAME.onnx",
        )
    return Path(source).expanduser().absolute()


def prepare(model: Model, params: Params, progress: Progress) -> ModelFile:
    """The voice's file. Raises ModelFileError when it is gone."""
    path = Path(model.variants[""])
    for file in (path, Path(str(model.facts["config"]))):
        if not file.exists():
            raise ModelFileError(f"the model file {file} is gone", SWEEP_AGAIN)
    return ModelFile(str(path), file_sha256(path, progress), "", path.stat().st_size / _MIB)
