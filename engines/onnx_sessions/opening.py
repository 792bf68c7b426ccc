"""A session of onnxruntime with the options that were asked for, or an error: it only warns where it sets one back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.errors import UnsupportedError
from engines.onnx_sessions.settings import Arguments

ProviderOptions = Mapping[str, Mapping[str, str]]
"""Options of a provider, by its full name."""
_NO_OPTIONS: ProviderOptions = {}


def open_session(runtime: Any, path: str, asked: Arguments, show: str, options: ProviderOptions = _NO_OPTIONS) -> Any:
    """The session of the file at `path`. Raises UnsupportedError for what is not in force, and as onnxruntime does.

    `show` is the command that tells how to get a provider.
    """
    if asked.providers[0] not in runtime.get_available_providers():
        raise UnsupportedError(
            f"this build of onnxruntime has no {asked.providers[0]}", f"{show} tells how to get one that has it"
        )
    wanted = runtime.SessionOptions()
    for name, value in asked.attributes.items():
        setattr(wanted, name, value)
    for name, (kind, member) in asked.enums.items():
        setattr(wanted, name, getattr(getattr(runtime, kind), member))
    for name, text in asked.entries.items():
        wanted.add_session_config_entry(name, text)
    providers = [(name, dict(options[name])) if name in options else name for name in asked.providers]
    session = runtime.InferenceSession(path, wanted, providers=providers)
    in_force = session.get_providers()
    if asked.providers[0] not in in_force:
        raise UnsupportedError(
            f"{asked.providers[0]} cannot be loaded here; onnxruntime fell back to {', '.join(in_force)}",
            "install the libraries that the provider needs",
        )
    _check_in_force(session.get_session_options(), wanted, asked)
    return session


def _check_in_force(actual: Any, wanted: Any, asked: Arguments) -> None:
    names = [*asked.attributes, *asked.enums]
    pairs = [(name, getattr(wanted, name), getattr(actual, name)) for name in names]
    pairs += [(name, text, actual.get_session_config_entry(name)) for name, text in asked.entries.items()]
    for name, want, have in pairs:
        if want != have:
            raise UnsupportedError(
                f"onnxruntime runs {asked.providers[0]} with {name} {have}, and {want} was asked for",
                "leave the knob at its default with this provider",
            )
