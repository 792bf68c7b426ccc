"""What `model=` can be: a file of the group, published weights, a path, several paths, or a place to fetch from."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engines.base import Engine
from engines.published.catalogue import catalogue
from engines.published.places import options_for
from search_spaces.errors import TunerError, unknown_name
from tuner.cli.config.hydra_files import MISSING, group_names
from tuner.cli.config.overrides import Override, parse_mapping, quote, unquote
from tuner.core.paths import user_path

_HUB, _SHAPE = "hf:", "shape:"
_OF_A_PLACE = ("file", "hub")
"""The files of the group that a path and a place to fetch from are filled into: no models by themselves."""


@dataclass
class ModelChoice:
    """The overrides for Hydra (the group's file), and what is filled in afterwards."""

    hydra: list[str] = field(default_factory=list)
    source: str = ""
    variants: dict[str, str] = field(default_factory=dict)


def model_overrides(entries: Sequence[Override], engine: Engine) -> ModelChoice:
    """Read `model=`, `model.source=`, `model.variants=` and `model.variants.NAME=`. Raises TunerError."""
    choice = ModelChoice()
    for entry in entries:
        raw = entry.raw or ""
        if not raw.strip():
            raise TunerError(
                f"override {entry.text!r} has no value", "write model=NAME, model=PATH or model=hf:ORG/REPO"
            )
        if entry.key == "model":
            choice = _whole(raw, engine)
        elif entry.key == "model.source":
            choice.source = _place(unquote(raw))
        elif entry.key == "model.variants":
            choice.variants = _paths(parse_mapping(entry.key, raw))
        else:
            choice.variants[entry.key.removeprefix("model.variants.")] = _path(unquote(raw))
    return choice


def _whole(raw: str, engine: Engine) -> ModelChoice:
    text = unquote(raw)
    if raw.strip().startswith("{"):
        return ModelChoice(["model=file"], variants=_paths(parse_mapping("model", raw)))
    if text in group_names("model", engine):
        return ModelChoice([f"model={text}"])
    if text in catalogue():
        return _published(text, engine)
    if text.startswith(_HUB):
        return ModelChoice(["model=hub"], _place(text))
    if text.startswith(_SHAPE):
        return ModelChoice([], text)  # of the engine's own file, whose other options are for it
    if not _looks_like_a_path(text) or _is_misspelt(text):
        names = [name for name in group_names("model", engine) if name not in _OF_A_PLACE]
        error = unknown_name("model", text, [*names, *_published_for(engine)])
        raise TunerError(error.message, f"{error.hint}; or a path, or {_HUB}ORG/REPO")
    return ModelChoice(["model=file"], _path(text))


def _published(name: str, engine: Engine) -> ModelChoice:
    """The weights as files of the user's. Raises TunerError where they are not here, or not for the engine."""
    options = dict(options_for(catalogue()[name], engine.name))
    source = options.pop("source")
    return ModelChoice(["model=file", *(f"model.{key}={quote(value)}" for key, value in options.items())], source)


def _published_for(engine: Engine) -> list[str]:
    return [name for name, weights in catalogue().items() if engine.name in weights.engines]


def _is_misspelt(text: str) -> bool:
    """Whether it is nearly the name of published weights, which may have a dot, and no file."""
    return not user_path(text).exists() and bool(difflib.get_close_matches(text, catalogue(), n=1, cutoff=0.85))


def _looks_like_a_path(text: str) -> bool:
    path = user_path(text)
    return "/" in text or "\\" in text or bool(path.suffix) or path.exists()


def _place(text: str) -> str:
    """A path or a place to fetch from, made absolute; a name that the engine knows stays."""
    if text.startswith(_HUB) or not _looks_like_a_path(text):
        return text
    return _path(text)


def _path(text: str) -> str:
    return str(user_path(text).absolute())


def _paths(mapping: Mapping[str, str]) -> dict[str, str]:
    return {name: _path(text) for name, text in mapping.items()}


def settle_model(composed: Mapping[str, Any], choice: ModelChoice) -> dict[str, Any]:
    """The `model` section with the choice filled in. Raises TunerError where it has no such key or names no model.

    An engine need not know of variants to be given a file, or to say that it takes none.
    """
    filled: dict[str, Any] = {"source": choice.source, "variants": choice.variants}
    for key, value in filled.items():
        if value and key not in composed:
            raise unknown_name("key", f"model.{key}", [f"model.{k}" for k in composed])
    section = {**composed, **{key: value for key, value in filled.items() if value}}
    if section.get("source") in (None, "", MISSING) and not section.get("variants"):
        raise TunerError("no model is given", f"write model=PATH, model={_HUB}ORG/REPO or model='{{NAME: PATH}}'")
    return {key: value for key, value in section.items() if key != "variants" or value}
