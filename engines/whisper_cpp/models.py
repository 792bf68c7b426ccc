"""From a `model` configuration to a Model: the embedded one, a file, the user's own variants, or one of a hub."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.base import Model, ModelFile, Progress
from engines.cache import cache_root, file_sha256, make_once
from engines.errors import ModelFileError, UnsupportedError
from engines.hub import PREFIX, Wanted, fetch
from engines.whisper_cpp.ggml_file import GgmlHeader, read_header
from engines.whisper_cpp.hub_choice import choose
from engines.whisper_cpp.library import binding
from engines.whisper_cpp.quantize import ON_DEMAND, UNQUANTIZED, predicted_bytes, variant
from search_spaces.errors import TunerError, unknown_name
from search_spaces.parameter import Params, Value

_OPTIONS = ("source", "shape", "variants", "language", "vad_model")
EMBEDDED = "embedded"
ENGLISH = "en"
_MIB = 1024 * 1024


def resolve_model(config: Mapping[str, Any], progress: Progress) -> Model:
    """The Model of a `model` configuration. Raises ModelFileError, or TunerError for an option that is wrong.

    `source` is `embedded` (with `shape`), a ggml file or `hf:ORG/REPO[/FILE]`; `variants` maps quantizations to ggml
    files and stands instead of it. `language` is what is spoken (`en` unless set); `vad_model` a ggml file of a voice
    activity detector. An unquantized source can be quantized on demand.
    """
    for option, value in config.items():
        if option not in _OPTIONS and value is not None:
            raise unknown_name("model option", str(option), _OPTIONS)
    source, variants = config.get("source"), config.get("variants") or {}
    if variants and source:
        raise TunerError("model has both a source and variants", "give one of them")
    if not variants and not source:
        raise TunerError(
            "model has neither a source nor variants", "model=embedded_speech, model=FILE.bin or model=hf:ORG/REPO/FILE"
        )
    if variants:
        files = {str(k): Path(str(v)).expanduser() for k, v in variants.items()}
        return _of_variants(files, "variants", config, progress)
    if source == EMBEDDED:
        return _of_file(_embedded_file(config.get("shape"), progress), EMBEDDED, config, progress)
    if config.get("shape"):
        raise TunerError("model.shape is for the embedded model alone", "leave it out, or use model=embedded_speech")
    if str(source).startswith(PREFIX):
        files = fetch(str(source), Wanted(choose, ".bin", "stt"), progress)
        if len(files) == 1:
            return _of_file(next(iter(files.values())), str(source), config, progress)
        return _of_variants(files, str(source), config, progress)
    return _of_file(Path(str(source)).expanduser(), str(source), config, progress)


def prepare(model: Model, params: Params, progress: Progress) -> ModelFile:
    """The file of `params`' quantization, made when it is one on demand. Raises UnsupportedError for one it lacks."""
    quantization = str(params.get("quantization", model.native))
    if quantization not in model.variants:
        raise UnsupportedError(
            f"{model.name} has no {quantization} variant", f"it has {', '.join(sorted(model.variants))}"
        )
    path = Path(
        model.variants[quantization]
        or variant(Path(model.variants[model.native]), model.digest, quantization, progress)
    )
    if not path.exists():
        raise ModelFileError(f"the model file {path} is gone", "resolve the model again")
    return ModelFile(str(path), file_sha256(path, progress), quantization, path.stat().st_size / _MIB)


def _embedded_file(shape: Any, progress: Progress) -> Path:
    """The embedded model of a shape, written into the cache once."""
    from engines.embedded.speech_model import digest, file_bytes, write_ggml
    from engines.embedded.speech_shapes import SPEECH_SHAPES

    if shape not in SPEECH_SHAPES:
        raise unknown_name("shape of the embedded speech model", str(shape), SPEECH_SHAPES)
    path = cache_root() / "embedded" / f"{shape}-{digest(shape)[:16]}.bin"
    return make_once(path, file_bytes(shape), lambda temporary: write_ggml(shape, temporary, progress))


def _of_file(path: Path, source: str, config: Mapping[str, Any], progress: Progress) -> Model:
    """A Model of one file: its own quantization only, or every one on demand when it is unquantized."""
    header = read_header(path)
    native = header.quantization
    variants = {native: str(path.absolute())}
    facts = _facts(header, config)
    facts[f"file_mib_{native}"] = header.size_bytes / _MIB
    if native in UNQUANTIZED:
        for quantization in ON_DEMAND:
            variants[quantization] = ""
            facts[f"file_mib_{quantization}"] = predicted_bytes(header, quantization) / _MIB
    digest = file_sha256(path, progress)
    return Model(_name(source, path, config), source, digest, variants, native, native, facts)


def _of_variants(files: Mapping[str, Path], source: str, config: Mapping[str, Any], progress: Progress) -> Model:
    """A Model of the user's own files; its native and reference variant is the largest, hence most precise."""
    headers = {quantization: read_header(path) for quantization, path in files.items()}
    reference = max(headers, key=lambda quantization: headers[quantization].size_bytes)
    facts = _facts(headers[reference], config)
    for quantization, header in headers.items():
        _check_same_model(headers[reference], header)
        facts[f"file_mib_{quantization}"] = header.size_bytes / _MIB
        if header.quantization != quantization:
            progress(f"{header.path.name} is called {quantization} but says that it is {header.quantization}")
    sums = {quantization: file_sha256(header.path, progress) for quantization, header in sorted(headers.items())}
    digest = hashlib.sha256(repr(sorted(sums.items())).encode()).hexdigest()
    variants = {quantization: str(header.path.absolute()) for quantization, header in headers.items()}
    name = headers[reference].path.stem
    return Model(name, source, digest, variants, reference, reference, facts)


def _check_same_model(one: GgmlHeader, other: GgmlHeader) -> None:
    for name in ("n_vocab", "n_audio_state", "n_audio_layer", "n_text_layer", "n_mels"):
        mine, its = getattr(one.numbers, name), getattr(other.numbers, name)
        if mine != its:
            raise ModelFileError(
                f"{one.path.name} ({name} {mine}) and {other.path.name} ({its}) are not of one model",
                "give files that were quantized from the same model",
            )


def _facts(header: GgmlHeader, config: Mapping[str, Any]) -> dict[str, Value]:
    numbers = header.numbers
    language = str(config.get("language") or ENGLISH)
    if language != ENGLISH and not header.multilingual:
        raise TunerError(
            f"{header.path.name} knows English only, and model.language is {language!r}", "use a multilingual model"
        )
    if binding().whisper_lang_id(language) < 0:
        raise TunerError(f"whisper.cpp has no language {language!r}", "write a code such as en, de or fr")
    vad_model = config.get("vad_model")
    if vad_model is not None and not Path(str(vad_model)).expanduser().is_file():
        raise ModelFileError(f"there is no voice activity model {vad_model}", "check model.vad_model")
    return {
        "n_vocab": numbers.n_vocab,
        "n_audio_ctx": numbers.n_audio_ctx,
        "n_text_ctx": numbers.n_text_ctx,
        "n_audio_state": numbers.n_audio_state,
        "n_audio_head": numbers.n_audio_head,
        "n_audio_layer": numbers.n_audio_layer,
        "n_text_state": numbers.n_text_state,
        "n_text_layer": numbers.n_text_layer,
        "language": language,
        "vad": vad_model is not None,
        "vad_model": str(Path(str(vad_model)).expanduser().absolute()) if vad_model is not None else "",
    }


def _name(source: str, path: Path, config: Mapping[str, Any]) -> str:
    return f"embedded-{config['shape']}" if source == EMBEDDED else path.stem
