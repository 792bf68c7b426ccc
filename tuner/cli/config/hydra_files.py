"""The configuration files as Hydra composes them, and its errors in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from search_spaces.errors import TunerError, unknown_name

if TYPE_CHECKING:
    from omegaconf import DictConfig

KEYS = (
    "engine", "model", "workload", "objective", "constraints", "budget", "targets",
    "params", "space", "baseline", "study", "outputs", "tracking", "seed", "sampler", "storage",
)  # fmt: skip
"""Everything that an override can begin with."""


def group_names(group: str) -> list[str]:
    """The files of a configuration group, without their suffix."""
    folder = files("conf") / group
    return sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml"))


def compose_document(overrides: Sequence[str]) -> dict[str, Any]:
    """`conf/config.yaml` with `overrides` (in Hydra's grammar) as plain data. Raises TunerError. Main thread only.

    A value that its file leaves to the user is still MISSING in it.
    """
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        document = OmegaConf.to_container(_composed(overrides), resolve=True)
    except HydraException as error:
        raise _explained(error, overrides) from None
    except OmegaConfBaseException as error:
        raise TunerError(f"the configuration cannot be resolved: {_first_line(error)}", _LOOK) from None
    except ValueError as error:  # Hydra's own, for a group that is given a number
        raise TunerError(f"{_culprits(overrides)}: {_first_line(error)}", _LOOK) from None
    assert isinstance(document, dict)
    return {str(key): value for key, value in document.items()}


def check_complete(section: Mapping[str, Any], key: str = "") -> None:
    """Raises TunerError for a value that a file leaves to the user and nobody gave."""
    for name, value in section.items():
        if isinstance(value, Mapping):
            check_complete(value, f"{key}{name}.")
        elif value == MISSING:
            raise TunerError(f"{key}{name} is not given", f"add {key}{name}=VALUE")


MISSING = "???"
_LOOK = "see the files of the conf folder for keys and values, and python -m tuner sweep --help"


def _composed(overrides: Sequence[str]) -> DictConfig:
    from hydra import compose, initialize_config_module
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    with initialize_config_module("conf", version_base=None):
        return compose("config", list(overrides))


def _explained(error: Exception, overrides: Sequence[str]) -> TunerError:
    """Why Hydra refused: an unknown key with its nearest match, or the first line of the innermost error."""
    from hydra.errors import HydraException, OverrideParseException

    chosen = [o for o in overrides if o.partition("=")[0].lstrip("+~") in _GROUPS]
    try:
        known = _dotted(_composed(chosen))
    except (HydraException, ValueError):
        return TunerError(_first_line(error.__cause__ or error), _LOOK)
    for override in overrides:
        key = override.partition("=")[0]
        if override not in chosen and not key.startswith("+") and key.lstrip("~") not in known:
            head = key.lstrip("~").partition(".")[0]
            return unknown_name("key", key.lstrip("~"), [k for k in known if k.startswith(f"{head}.")] or KEYS)
    hint = "put text with special characters in quotes" if isinstance(error, OverrideParseException) else _LOOK
    return TunerError(f"{_culprits(overrides)}: {_first_line(error.__cause__ or error)}", hint)


_GROUPS = ("engine", "model", "workload", "objective", "budget", "targets")


def _dotted(node: Mapping[Any, Any], prefix: str = "") -> list[str]:
    """Every key of nested mappings, with dots."""
    from omegaconf import DictConfig, OmegaConf

    keys = []
    for name in node:
        keys.append(f"{prefix}{name}")
        missing = isinstance(node, DictConfig) and OmegaConf.is_missing(node, name)
        if not missing and isinstance(node[name], Mapping):
            keys += _dotted(node[name], f"{prefix}{name}.")
    return keys


def _culprits(overrides: Sequence[str]) -> str:
    return "cannot use " + " ".join(overrides[1:] or overrides)


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
