"""Whisper models in folders of CTranslate2, as faster-whisper loads them. Nothing is fetched when one is opened."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.base import Model, ModelFile, Progress
from engines.cache import cache_root, file_sha256, make_once
from engines.errors import SWEEP_AGAIN, ModelFileError
from engines.faster_whisper.library import EXTRA, compute_types, default_device, faster_whisper
from engines.faster_whisper.settings import computed_in, fastest, searched
from engines.hub import PREFIX, Wanted, fetch
from engines.model_files import EMBEDDED
from engines.recognition.ctranslate2_file import MODEL, CTranslate2File, Variable, read_file
from search_spaces.errors import TunerError, unknown_name
from search_spaces.parameter import Params, Value

ENGLISH = "en"
TOKENIZER, CONFIG, PREPROCESSOR = "tokenizer.json", "config.json", "preprocessor_config.json"
_OPTIONS = ("source", "shape", "variants", "language")
_FILES = (MODEL, CONFIG, TOKENIZER, "vocabulary.txt", "vocabulary.json", PREPROCESSOR)
_EMBEDDINGS = "decoder/embeddings/weight"
_MULTILINGUAL = 51865
"""Tokens from which on CTranslate2 takes a vocabulary for one of many languages."""
_MIB = 1024 * 1024


def resolve_model(config: Mapping[str, Any], progress: Progress) -> Model:
    """The Model of a `model` configuration. Raises ModelFileError, or TunerError for an option that is wrong.

    `source` is `embedded` (with `shape`), a folder of CTranslate2 or its model.bin, or `hf:ORG/REPO`; `language` is
    what is spoken (`en` unless set).
    """
    for option in config:
        if option not in _OPTIONS:
            raise unknown_name("model option", str(option), _OPTIONS)
    if config.get("variants"):
        raise TunerError("a model of faster-whisper is one folder", "write model=FOLDER; params.compute_type=int8")
    if not config.get("source"):
        raise TunerError("model has no source", "model=embedded_ctranslate2, model=FOLDER or model=hf:ORG/REPO")
    source = str(config["source"])
    folder = _folder(source, str(config.get("shape")), progress)
    read = read_file(folder / MODEL)
    name = f"embedded-{config['shape']}" if source == EMBEDDED else _name(folder)
    native = _native(read)
    facts = {**_sizes(read), **_language(config.get("language"), read), **_computing(native)}
    facts["file_mib"] = (folder / MODEL).stat().st_size / _MIB
    sums = [f"{name} {file_sha256(folder / name, progress)}" for name in _FILES if (folder / name).is_file()]
    digest = hashlib.sha256("\n".join(sums).encode()).hexdigest()
    return Model(name, source, digest, {native: str(folder / MODEL)}, native, native, facts)


def prepare(model: Model, params: Params, progress: Progress) -> ModelFile:
    """The model's file, which is converted to the compute type when it is loaded. Raises ModelFileError."""
    path = Path(model.variants[model.native])
    if not path.exists():
        raise ModelFileError(f"the model file {path} is gone", SWEEP_AGAIN)
    return ModelFile(str(path), file_sha256(path, progress), model.native, path.stat().st_size / _MIB)


def _folder(source: str, shape: str, progress: Progress) -> Path:
    if source == EMBEDDED:
        return _embedded(shape, progress)
    if source.startswith(PREFIX):
        return fetch(source, Wanted(_choose, "", EXTRA), progress)[MODEL].parent
    path = Path(source).expanduser().absolute()
    folder = path.parent if path.name == MODEL else path
    if not (folder / MODEL).is_file():
        inner = next(iter(sorted(folder.glob(f"snapshots/*/{MODEL}"))), None)
        hint = f"did you mean {inner.parent}?" if inner else "give a folder that faster-whisper loads"
        raise ModelFileError(f"there is no model of CTranslate2 in {folder}: it has no {MODEL}", hint)
    for name in (CONFIG, TOKENIZER):
        if not (folder / name).is_file():
            raise ModelFileError(
                f"{folder} has no {name}, and faster-whisper would fetch one", f"put the model's {name} beside {MODEL}"
            )
    return folder


def _embedded(shape: str, progress: Progress) -> Path:
    """The embedded model's folder, written into the cache once, whole or not at all."""
    from engines.embedded.speech_shapes import SPEECH_SHAPES
    from engines.faster_whisper.embedded_model import digest, folder_bytes, write_folder

    if shape not in SPEECH_SHAPES:
        raise unknown_name("shape of the embedded speech model", shape, SPEECH_SHAPES)
    folder = cache_root() / "embedded" / f"{shape}-ctranslate2-{digest(shape)[:16]}"

    def make(temporary: Path) -> None:
        scratch = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        scratch.mkdir(parents=True)
        write_folder(shape, scratch, progress)
        scratch.rename(folder)
        temporary.touch()

    make_once(folder.with_name(f"{folder.name}.whole"), folder_bytes(shape), make)
    return folder


def _choose(repo: str, sizes: Mapping[str, int], file: str | None) -> dict[str, str]:
    """The files of a repository that faster-whisper loads, by their names."""
    found = {name: name for name in _FILES if name in sizes}
    if file is not None or not {MODEL, CONFIG, TOKENIZER} <= set(found):
        raise ModelFileError(
            f"{repo} is no repository of a CTranslate2 Whisper with {MODEL}, {CONFIG} and {TOKENIZER}",
            "name one such as hf:Systran/faster-whisper-base.en",
        )
    return found


def _name(folder: Path) -> str:
    """The folder's name, or the repository's where it lies in a hub's cache."""
    return folder.parent.parent.name.rpartition("--")[2] if folder.parent.name == "snapshots" else folder.name


def _native(read: CTranslate2File) -> str:
    """The precision that the weights are kept in."""
    return _variable(read, _EMBEDDINGS).type


def _sizes(read: CTranslate2File) -> dict[str, Value]:
    """What memory follows from. `matrix_values` are those that eight bits are for."""
    counts = {name: _count(v.shape) for name, v in read.variables.items()}
    matrices = sum(n for name, n in counts.items() if name.endswith("/weight") and len(read.variables[name].shape) == 2)
    return {
        "n_vocab": _variable(read, _EMBEDDINGS).shape[0],
        "n_text_ctx": _variable(read, "decoder/position_encodings/encodings").shape[0],
        "n_audio_ctx": _variable(read, "encoder/position_encodings/encodings").shape[0],
        "n_audio_state": _variable(read, "encoder/position_encodings/encodings").shape[1],
        "n_text_state": _variable(read, _EMBEDDINGS).shape[1],
        "n_text_layer": sum(
            name.startswith("decoder/layer_") and name.endswith("/ffn/linear_0/weight") for name in read.variables
        ),
        "matrix_values": matrices,
        "other_values": sum(counts.values()) - matrices,
    }


def _variable(read: CTranslate2File, name: str) -> Variable:
    if name not in read.variables:
        raise ModelFileError(f"{read.path} has no {name}: it is no whole Whisper", "download or convert it again")
    return read.variables[name]


def _count(shape: tuple[int, ...]) -> int:
    total = 1
    for length in shape:
        total *= length
    return total


def _language(asked: object, read: CTranslate2File) -> dict[str, Value]:
    language = str(asked or ENGLISH)
    multilingual = _variable(read, _EMBEDDINGS).shape[0] >= _MULTILINGUAL
    if language != ENGLISH and not multilingual:
        raise TunerError(
            f"{read.path.parent} knows English only, and model.language is {language!r}", "use a multilingual model"
        )
    if language not in faster_whisper().tokenizer._LANGUAGE_CODES:
        raise TunerError(f"faster-whisper has no language {language!r}", "write a code such as en, de or fr")
    return {"language": language}


def _computing(native: str) -> dict[str, Value]:
    """What can be computed in here, what the library takes, and what the command line does."""
    device = default_device()
    supported = compute_types(device)
    every = [*searched(device, supported), *(searched("cpu", compute_types("cpu")) if device != "cpu" else ())]
    return {
        "default_device": device,
        "compute_types": ",".join(dict.fromkeys([*every, computed_in(native, supported)])),
        "default_compute_type": computed_in(native, supported),
        "fastest_compute_type": fastest(device, supported),
    }
