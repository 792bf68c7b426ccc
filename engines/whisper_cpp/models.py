"""Models in ggml files of whisper.cpp: what it asks of them, and what can be made of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.base import Progress
from engines.errors import ModelFileError
from engines.file_format import EmbeddedModel, FileFormat
from engines.hub import Wanted
from engines.model_files import EMBEDDED, ModelFiles
from engines.whisper_cpp import ctranslate2
from engines.whisper_cpp.ggml_file import MAGIC, GgmlHeader, read_header
from engines.whisper_cpp.hub_choice import choose
from engines.whisper_cpp.library import binding
from engines.whisper_cpp.quantize import ON_DEMAND, UNQUANTIZED, predicted_bytes, variant
from search_spaces.errors import TunerError
from search_spaces.parameter import Value

ENGLISH = "en"
_SIZES = (
    "n_vocab", "n_audio_ctx", "n_text_ctx", "n_audio_state", "n_audio_head", "n_audio_layer", "n_text_state",
    "n_text_layer",
)  # fmt: skip
_MIB = 1024 * 1024


class GgmlFormat(FileFormat[GgmlHeader]):
    """ggml files, and folders of CTranslate2.

    `language` is what is spoken (`en` unless set), `vad_model` the file of a voice activity detector.
    """

    options = ("language", "vad_model")
    embedded_choice = "model=embedded_speech"
    hub_example = "hf:ORG/REPO/FILE"
    wanted = Wanted(choose, ".bin", "stt")
    unquantized = UNQUANTIZED
    on_demand = ON_DEMAND
    read = staticmethod(read_header)
    variant = staticmethod(variant)

    def embedded(self) -> EmbeddedModel:
        """The small speech model."""
        from engines.embedded.speech_shapes import SPEECH_SHAPES
        from engines.whisper_cpp.embedded_model import digest, file_bytes, write_ggml

        return EmbeddedModel("the embedded speech model", SPEECH_SHAPES, digest, file_bytes, write_ggml)

    def file_of(self, path: Path, progress: Progress) -> Path:
        """A folder of CTranslate2 is written as a ggml file."""
        return ctranslate2.as_ggml(path, progress) if path.is_dir() else path

    def quantization(self, header: GgmlHeader) -> str:
        """The file's own word."""
        return header.quantization

    def identity(self, header: GgmlHeader) -> Mapping[str, Value]:
        """Sizes."""
        names = ("n_vocab", "n_audio_state", "n_audio_layer", "n_text_layer", "n_mels")
        return {name: getattr(header.numbers, name) for name in names}

    def name(self, header: GgmlHeader, config: Mapping[str, Any]) -> str:
        """The file's or the folder's name, for such a file holds none."""
        source = str(config.get("source") or "")
        if source == EMBEDDED:
            return f"embedded-{config['shape']}"
        folder = Path(source).expanduser()
        return ctranslate2.name_of(folder) if source and folder.is_dir() else header.path.stem

    def facts(self, header: GgmlHeader, config: Mapping[str, Any], progress: Progress) -> dict[str, Value]:
        """Sizes, the language, and the voice activity model ("" without one)."""
        language = str(config.get("language") or ENGLISH)
        if language != ENGLISH and not header.multilingual:
            raise TunerError(
                f"{header.path.name} knows English only, and model.language is {language!r}", "use a multilingual model"
            )
        if binding().whisper_lang_id(language) < 0:
            raise TunerError(f"whisper.cpp has no language {language!r}", "write a code such as en, de or fr")
        vad_model = config.get("vad_model")
        return {
            **{name: getattr(header.numbers, name) for name in _SIZES},
            "language": language,
            "vad": vad_model is not None,
            "vad_model": str(_vad_file(str(vad_model)).absolute()) if vad_model is not None else "",
        }

    def predicted_facts(self, header: GgmlHeader, quantization: str, progress: Progress) -> dict[str, Value]:
        """The size of the variant."""
        return {f"file_mib_{quantization}": predicted_bytes(header, quantization) / _MIB}


def _vad_file(given: str) -> Path:
    """The file of a voice activity detector, which whisper.cpp reads as ggml only."""
    path = Path(given).expanduser()
    if not path.is_file():
        raise ModelFileError(f"there is no voice activity model {given}", "check model.vad_model")
    with path.open("rb") as file:
        if file.read(4) != MAGIC.to_bytes(4, "little"):
            raise ModelFileError(
                f"{given} is no ggml file, and whisper.cpp takes no other voice activity model",
                "get ggml-silero-v5.1.2.bin with whisper.cpp's own models/download-vad-model.sh",
            )
    return path


_FILES = ModelFiles(GgmlFormat())
resolve_model, prepare = _FILES.resolve, _FILES.prepare
