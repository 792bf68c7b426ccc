"""Models in Kokoro's ONNX files, with their voices."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from engines.base import Model, Progress
from engines.cache import cache_root, file_sha256, make_once
from engines.errors import ModelFileError
from engines.file_format import EmbeddedModel, FileFormat
from engines.hub import Wanted
from engines.kokoro.convert import ON_DEMAND, UNQUANTIZED, predicted_bytes, variant
from engines.kokoro.hub_choice import choose
from engines.kokoro.library import languages
from engines.kokoro.onnx_file import OnnxHeader, read_header
from engines.kokoro.shapes import SHAPES, STYLE_WIDTH, digest, file_bytes
from engines.kokoro.voices import generated_voices, voice_names
from engines.model_files import EMBEDDED, ModelFiles
from engines.synthesis.sentences import common_phrases, own
from search_spaces.errors import TunerError, unknown_name
from search_spaces.parameter import Value

DEFAULT_LANGUAGE = "en-us"
GENERATED_VOICE = "generated"
_MIB = 1024 * 1024


class KokoroFormat(FileFormat[OnnxHeader]):
    """ONNX files of Kokoro.

    `voices` is the file of voices and `voice` one of them (the first unless given), `language` what espeak-ng calls it,
    `phrases` a file of those that a cache may hold, one a line (those of the tool unless given).
    """

    options = ("voices", "voice", "language", "phrases")
    embedded_choice = "model=shape"
    hub_example = "hf:ORG/REPO/onnx/model.onnx"
    wanted = Wanted(choose, ".onnx", "kokoro")
    unquantized = UNQUANTIZED
    on_demand = ON_DEMAND
    read = staticmethod(read_header)
    variant = staticmethod(variant)

    def embedded(self) -> EmbeddedModel:
        """The published architecture with generated weights."""
        from engines.kokoro.shape import write_shape

        return EmbeddedModel("Kokoro", SHAPES, digest, file_bytes, write_shape)

    def quantization(self, header: OnnxHeader) -> str:
        """What the file is."""
        return header.quantization

    def identity(self, header: OnnxHeader) -> Mapping[str, Value]:
        """The names of the inputs."""
        return {"inputs": ", ".join(sorted(header.inputs))}

    def name(self, header: OnnxHeader, config: Mapping[str, Any]) -> str:
        """The file's name."""
        return f"{config['shape']}-shape" if config.get("source") == EMBEDDED else header.path.stem

    def facts(self, header: OnnxHeader, config: Mapping[str, Any], progress: Progress) -> dict[str, Value]:
        """The voice, the language, and the phrases that a cache may hold."""
        voices = _voices_file(config.get("voices"), config.get("source") == EMBEDDED)
        names = voice_names(voices)
        voice = str(config.get("voice") or names[0])
        if voice not in names:
            raise unknown_name(f"voice of {voices.name}", voice, names)
        phrases = [s.text for s in own(config["phrases"])] if config.get("phrases") else common_phrases()
        return {
            "voices": str(voices.absolute()),
            "voice": voice,
            "language": _language(config.get("language")),
            "phrases": "\n".join(phrases),
        }

    def predicted_facts(self, header: OnnxHeader, quantization: str, progress: Progress) -> dict[str, Value]:
        """The size of the variant."""
        return {f"file_mib_{quantization}": predicted_bytes(header, quantization) / _MIB}


def _voices_file(given: object, generated: bool) -> Path:
    if not generated:
        if not given:
            raise ModelFileError("no file of voices is given", "write model.voices=voices-v1.0.bin beside the model")
        return Path(str(given)).expanduser()
    if given:
        raise TunerError("model.voices is for a model of yours", "leave it out: a shape has generated voices")
    width = 2 * STYLE_WIDTH
    path = cache_root() / "embedded" / f"kokoro-voice-{width}.bin"
    return make_once(path, 510 * width * 4, lambda temporary: generated_voices(temporary, width, GENERATED_VOICE))


def _language(value: Any) -> str:
    """One that Kokoro's phonemizer reads: espeak-ng has voices (`de+f3`) that are none."""
    language, known = str(value or DEFAULT_LANGUAGE), languages()
    if language not in known:
        raise unknown_name("model.language", language, known)
    return language


_FILES = ModelFiles(KokoroFormat())
prepare = _FILES.prepare


def resolve_model(config: Mapping[str, Any], progress: Progress) -> Model:
    """The Model of a `model` configuration; what is spoken with is part of its digest. Raises as ModelFiles does."""
    model = _FILES.resolve(config, progress)
    spoken = [
        model.digest,
        file_sha256(Path(str(model.facts["voices"]))),
        model.facts["voice"],
        model.facts["language"],
    ]
    return replace(model, digest=hashlib.sha256(repr([*spoken, model.facts["phrases"]]).encode()).hexdigest())
