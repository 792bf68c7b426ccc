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
from engines.llama_cpp.capabilities import mlock_permitted
from engines.llama_cpp.gguf_file import GgufHeader, read_header
from engines.llama_cpp.hub_choice import choose
from engines.llama_cpp.library import vocabulary
from engines.llama_cpp.model_facts import (
    DEFAULT_CONTEXT,
    check_generates,
    check_quantization,
    context_length,
    facts_of,
    quantization_of,
)
from engines.llama_cpp.quantize import ON_DEMAND, UNQUANTIZED, predict, variant
from search_spaces.errors import TunerError, unknown_name
from search_spaces.parameter import Params, Value

_OPTIONS = ("source", "shape", "variants", "n_ctx")
EMBEDDED = "embedded"
_MIB = 1024 * 1024


def resolve_model(config: Mapping[str, Any], progress: Progress) -> Model:
    """The Model of a `model` configuration. Raises ModelFileError, or TunerError for an option that is wrong.

    `source` is `embedded` (with `shape`), a GGUF file or `hf:ORG/REPO`; `variants` maps quantizations to GGUF files
    and stands instead of it. `n_ctx` is the context in tokens. An unquantized source can be quantized on demand.
    """
    for option, value in config.items():
        # Options of other engines are in the shared files of conf/model, where they are null.
        if option not in _OPTIONS and value is not None:
            raise unknown_name("model option", str(option), _OPTIONS)
    source, variants = config.get("source"), config.get("variants") or {}
    if variants and source:
        raise TunerError("model has both a source and variants", "give one of them")
    if variants:
        files = {str(k): Path(str(v)).expanduser() for k, v in variants.items()}
        for quantization, path in files.items():
            check_quantization(quantization, read_header(path))
        return _of_variants(files, "variants", config, progress)
    if not source:
        raise TunerError(
            "model has neither a source nor variants", "model=embedded, model=FILE.gguf or model=hf:ORG/REPO"
        )
    if source == EMBEDDED:
        return _of_file(_embedded_file(config.get("shape"), progress), EMBEDDED, config, progress)
    if config.get("shape"):
        raise TunerError("model.shape is for the embedded model alone", "leave it out, or use model=embedded")
    if str(source).startswith(PREFIX):
        files = fetch(str(source), Wanted(choose, ".gguf", "llm"), progress)
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
    sha256 = model.digest if quantization == model.native and len(_files(model)) == 1 else file_sha256(path, progress)
    return ModelFile(str(path), sha256, quantization, path.stat().st_size / _MIB)


def _files(model: Model) -> list[str]:
    return [path for path in model.variants.values() if path]


def _embedded_file(shape: Any, progress: Progress) -> Path:
    """The embedded model of a shape, written into the cache once."""
    from engines.embedded.language_model import SHAPES, digest, file_bytes, write_gguf

    if shape not in SHAPES:
        raise unknown_name("shape of the embedded model", str(shape), SHAPES)
    path = cache_root() / "embedded" / f"{shape}-{digest(shape)[:16]}.gguf"
    return make_once(path, file_bytes(shape), lambda temporary: write_gguf(shape, temporary, progress))


def _of_file(path: Path, source: str, config: Mapping[str, Any], progress: Progress) -> Model:
    """A Model of one file: its own quantization only, or every one on demand when it is unquantized."""
    header = _checked(path)
    native = quantization_of(header)
    variants = {native: str(path.absolute())}
    facts = _facts(header, config, progress)
    facts[f"file_mib_{native}"] = header.size_bytes / _MIB
    if native in UNQUANTIZED:
        for quantization in ON_DEMAND:
            if quantization == native:
                continue
            variants[quantization] = ""
            predicted = predict(path, quantization)
            facts[f"file_mib_{quantization}"] = predicted.size_mib
            if predicted.fallback_tensors:
                facts[f"fallback_tensors_{quantization}"] = predicted.fallback_tensors
                progress(
                    f"{quantization}: {predicted.fallback_tensors} of {len(header.tensors)} tensors take another type, "
                    "because their row length does not fit its blocks"
                )
    digest = file_sha256(path, progress)
    return Model(_name(header), source, digest, variants, native, native, _with_mlock(facts))


def _of_variants(files: Mapping[str, Path], source: str, config: Mapping[str, Any], progress: Progress) -> Model:
    """A Model of the user's own files; its native and reference variant is the largest, hence most precise."""
    headers = {quantization: _checked(path) for quantization, path in files.items()}
    reference = max(headers, key=lambda quantization: headers[quantization].size_bytes)
    facts = _facts(headers[reference], config, progress)
    for quantization, header in headers.items():
        _check_same_model(headers[reference], header)
        facts[f"file_mib_{quantization}"] = header.size_bytes / _MIB
        if quantization_of(header) != quantization:
            progress(f"{header.path.name} is called {quantization} but says that it is {quantization_of(header)}")
    sums = {quantization: file_sha256(header.path, progress) for quantization, header in sorted(headers.items())}
    digest = hashlib.sha256(repr(sorted(sums.items())).encode()).hexdigest() if len(sums) > 1 else sums[reference]
    variants = {quantization: str(header.path.absolute()) for quantization, header in headers.items()}
    return Model(_name(headers[reference]), source, digest, variants, reference, reference, _with_mlock(facts))


def _checked(path: Path) -> GgufHeader:
    """The header of a file that llama.cpp can load and that generates text."""
    header = read_header(path)
    try:
        check_generates(header)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{path} has damaged metadata: {error}", "convert the model again") from error
    with vocabulary(path):
        pass
    return header


def _check_same_model(one: GgufHeader, other: GgufHeader) -> None:
    mine, its = facts_of(one), facts_of(other)
    for fact in ("architecture", "n_layers", "n_embd", "n_vocab"):
        if mine[fact] != its[fact]:
            raise ModelFileError(
                f"{one.path.name} ({fact} {mine[fact]}) and {other.path.name} ({its[fact]}) are not of one model",
                "give files that were quantized from the same model",
            )


def _facts(header: GgufHeader, config: Mapping[str, Any], progress: Progress) -> dict[str, Value]:
    facts = facts_of(header)
    trained = int(facts["n_ctx_train"])
    facts["n_ctx"] = context_length(config.get("n_ctx"), trained)
    if int(facts["n_ctx"]) < DEFAULT_CONTEXT and config.get("n_ctx") is None:
        progress(f"the context is {trained} tokens, as the model was trained")
    return facts


def _with_mlock(facts: dict[str, Value]) -> dict[str, Value]:
    """Whether the largest variant may be locked into memory."""
    largest_mib = max(float(value) for name, value in facts.items() if name.startswith("file_mib_"))
    return {**facts, "mlock": mlock_permitted(int(largest_mib * _MIB))}


def _name(header: GgufHeader) -> str:
    return str(header.metadata.get("general.name") or header.path.stem)
