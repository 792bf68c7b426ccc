"""Which model is meant: a folder of published weights, or a shape with generated ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.base import Model, ModelFile, Progress
from engines.cache import file_sha256
from engines.cosyvoice import shape
from engines.cosyvoice.capabilities import torch_module
from engines.cosyvoice.plans import ONNX
from engines.cosyvoice.repository import Repository, find_repository
from engines.errors import SWEEP_AGAIN, ModelFileError
from search_spaces.errors import TunerError, unknown_name
from search_spaces.parameter import Params, Value

SHAPE = "shape:"
OPTIONS = ("source", "repo", "layers", "prompt_wav", "prompt_text")
WEIGHTS = ("llm.pt", "flow.pt", "hift.pt")
"""The files whose content the audio follows from."""
NATIVE = "F32"
"""The weights' own type, whatever autocast computes in."""
END_OF_PROMPT = "<|endofprompt|>"
ASSISTANT = f"You are a helpful assistant.{END_OF_PROMPT}"
"""What CosyVoice 3 wants before the prompt's words (its README)."""
_ASSET, _ASSET_WORDS = "asset/zero_shot_prompt.wav", "希望你以后能够做的比我还好呦。"
"""The prompt that comes with the repository, and what is said in it."""
_JIT = ("flow.encoder.fp32.zip", "flow.encoder.fp16.zip")
_HINT = "name a folder with cosyvoice2.yaml or cosyvoice3.yaml, or write model=shape:v3"
_MIB = 1024 * 1024


def resolve_model(config: Mapping[str, Any], progress: Progress) -> Model:
    """The Model of a `model` configuration. Raises MissingLibraryError, ModelFileError, TunerError.

    `source` is a folder of CosyVoice 2 or 3, or `shape:v2` or `shape:v3`, of which `layers` cuts every stack to a
    depth. `repo` is the official repository. `prompt_wav` and `prompt_text` are the voice to speak with, by default
    the one that comes with the repository.
    """
    for option, value in config.items():
        # A folder is given by conf/model/file.yaml, which has room for variants too.
        if option not in OPTIONS and value not in (None, {}):
            raise unknown_name("model option", str(option), OPTIONS)
    source = str(config.get("source") or "")
    if not source:
        raise TunerError("model has no source", _HINT)
    layers = config.get("layers")
    if source.startswith(SHAPE):
        return _generated(source, _layers(layers), find_repository(config.get("repo")))
    if layers is not None:
        raise TunerError("model.layers is for generated weights alone", "leave it out, or use model=shape:v3")
    return _folder(Path(source).expanduser().absolute(), config, progress)


def _layers(given: Any) -> int:
    if given is None:
        return 0
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= 24:
        raise TunerError(f"model.layers is {given!r}", "give a whole number from 1 to 24, or null for the true depth")
    return given


def _generated(source: str, layers: int, repository: Repository) -> Model:
    name = source.removeprefix(SHAPE)
    if name not in shape.VERSIONS:
        raise unknown_name("shape of cosyvoice", name, shape.VERSIONS)
    version = shape.VERSIONS[name]
    digest = shape.digest(repository, version, layers, str(torch_module().__version__))
    facts = {
        **_facts(repository, version),
        **generated_sizes(version, layers),
        "generated": True,
        "layers": layers,
        "estimator_onnx": True,
        "prompt_front_end": False,
    }
    cut = f"-{layers}-layers" if layers else ""
    return Model(f"cosyvoice{version}-shape{cut}", source, digest, {NATIVE: ""}, NATIVE, NATIVE, facts)


def _folder(folder: Path, config: Mapping[str, Any], progress: Progress) -> Model:
    version = next((v for v in (2, 3) if (folder / f"cosyvoice{v}.yaml").is_file()), None)
    if version is None:
        found = "CosyVoice 1, which is not supported" if (folder / "cosyvoice.yaml").is_file() else "no CosyVoice model"
        there = found if folder.is_dir() else "not there"
        raise ModelFileError(f"the model folder {folder} is {there}", _HINT)
    for name in WEIGHTS:
        if not (folder / name).is_file():
            raise ModelFileError(f"the model folder {folder} lacks {name}", "download it again")
    repository = find_repository(config.get("repo"))
    hashes = [f"{name} {file_sha256(folder / name, progress)}" for name in (f"cosyvoice{version}.yaml", *WEIGHTS)]
    digest = hashlib.sha256("\n".join([*hashes, repository.digest]).encode()).hexdigest()
    sizes = {part: (folder / f"{part}.pt").stat().st_size / _MIB for part in ("llm", "flow", "hift")}
    facts = {
        **_facts(repository, version),
        **{f"{part}_mib": round(mib, 1) for part, mib in sizes.items()},
        "generated": False,
        "layers": 0,
        "folder": str(folder),
        "jit_files": all((folder / name).is_file() for name in _JIT),
        "estimator_onnx": (folder / ONNX).is_file(),
        "prompt_front_end": True,
        **_prompt(config, repository, version),
    }
    return Model(folder.name, str(folder), digest, {NATIVE: str(folder)}, NATIVE, NATIVE, facts)


def _facts(repository: Repository, version: int) -> dict[str, Value]:
    return {
        "cosyvoice_version": version,
        "repository": str(repository.path),
        "repository_digest": repository.digest,
        "jit_files": False,
        "folder": "",
        "prompt_wav": "",
        "prompt_text": "",
    }


def _prompt(config: Mapping[str, Any], repository: Repository, version: int) -> dict[str, Value]:
    wav, text = config.get("prompt_wav"), config.get("prompt_text")
    if (wav is None) != (text is None):
        raise TunerError(
            "model.prompt_wav and model.prompt_text belong together", "give the recording and what is said in it"
        )
    path = Path(str(wav)).expanduser().absolute() if wav else repository.path / _ASSET
    if not path.is_file():
        raise ModelFileError(f"there is no prompt {path}", "check model.prompt_wav")
    words = str(text) if text else _ASSET_WORDS
    if version == 3 and END_OF_PROMPT not in words:
        words = ASSISTANT + words
    return {"prompt_wav": str(path), "prompt_text": words, "prompt_sha256": file_sha256(path)}


def generated_sizes(version: int, layers: int) -> dict[str, Value]:
    """MiB of each part's 32-bit weights by its shape: exactly what the repository builds."""
    depth = layers or shape.QWEN["num_hidden_layers"]
    llm = (147_906_596 if version == 2 else 148_251_264) + 14_912_384 * int(depth)
    if version == 2:
        flow, hift = (26_619_376 + 5_189_632 * layers) if layers else 112_549_360, 20_821_295
    else:
        flow, hift = 9_002_816 + 14_693_376 * (layers or 22), 20_779_887
    return {f"{part}_mib": round(4 * count / _MIB, 1) for part, count in (("llm", llm), ("flow", flow), ("hift", hift))}


def prepare(model: Model, params: Params, progress: Progress) -> ModelFile:
    """The folder, or "" for generated weights. There is nothing to make. Raises ModelFileError for one that is gone."""
    size_mib = sum(float(model.facts[f"{part}_mib"]) for part in ("llm", "flow", "hift"))
    folder = str(model.facts["folder"])
    if folder and not Path(folder).is_dir():
        raise ModelFileError(f"the model folder {folder} is gone", SWEEP_AGAIN)
    return ModelFile(folder, model.digest, NATIVE, size_mib)
