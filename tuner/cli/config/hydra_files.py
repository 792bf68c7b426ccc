"""The configuration files as Hydra composes them, and its errors in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any

from engines.base import Engine
from search_spaces.errors import TunerError, unknown_name
from tuner.cli.config.overrides import KEYS, quote

if TYPE_CHECKING:
    from omegaconf import DictConfig


def group_names(group: str, engine: Engine | None = None) -> list[str]:
    """The files of a configuration group, without their suffix: those of `conf` and those that `engine` brings."""
    return sorted({*_names(files("conf") / group), *(_names(engine.conf / group) if engine else ())})


def read_file(group: str, name: str, engine: Engine) -> dict[str, Any]:
    """One file of a group as it stands, without what Hydra makes of it."""
    import yaml

    folder = files("conf") if name in _names(files("conf") / group) else engine.conf
    file = folder / group / f"{name}.yaml"
    try:
        content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise TunerError(
            f"{file} is no YAML: {_first_line(error)}", f"mend it: engine {engine.name!r} needs it"
        ) from None
    return content


def compose_document(engine: Engine, overrides: Sequence[str]) -> dict[str, Any]:
    """`conf/config.yaml` with the engine's files and `overrides` (in Hydra's grammar) as plain data. Main thread only.

    A value that its file leaves to the user is still MISSING in it. Raises TunerError.
    """
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    _check_apart(engine)
    read_file("engine", engine.name, engine)
    base = [f"hydra.searchpath=[{quote(f'file://{engine.conf}')}]", f"engine={engine.name}"]
    try:
        document = OmegaConf.to_container(_composed([*base, *overrides]), resolve=True)
    except HydraException as error:
        raise _explained(error, base, overrides) from None
    except OmegaConfBaseException as error:
        raise TunerError(f"the configuration cannot be resolved: {_first_line(error)}", _LOOK) from None
    except ValueError as error:  # Hydra's own, for a group that is given a number
        raise TunerError(f"{_culprits(base, overrides)}: {_first_line(error)}", _LOOK) from None
    assert isinstance(document, dict)
    _check_choices(document, engine)
    return {str(key): value for key, value in document.items()}


def _check_choices(document: Mapping[Any, Any], engine: Engine) -> None:
    """Raises TunerError unless the engine's file says whose it is, and what to start from."""
    file = engine.conf / "engine" / f"{engine.name}.yaml"
    if (document.get("engine") or {}).get("name") != engine.name:
        raise TunerError(f"{file} is not of engine {engine.name!r}", f"write engine: {{name: {engine.name}}} there")
    for group in ("model", "workload", "objective"):
        if not document.get(group):
            raise TunerError(f"engine {engine.name!r} chooses no {group}", f"choose one with {group}=…, or in {file}")


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


def _names(folder: Traversable) -> set[str]:
    """The files in a folder, without their suffix; none where there is no folder."""
    if not folder.is_dir():
        return set()
    return {f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")}


def _check_apart(engine: Engine) -> None:
    """Raises TunerError where an engine brings a file of a name that `conf` has: the latter would hide it."""
    for group in _GROUPS:
        for name in sorted(_names(files("conf") / group) & _names(engine.conf / group)):
            raise TunerError(
                f"engine {engine.name!r} brings {group}/{name}.yaml, and every engine has one of that name",
                f"rename {engine.conf / group / name}.yaml",
            )


def _explained(error: Exception, base: Sequence[str], overrides: Sequence[str]) -> TunerError:
    """Why Hydra refused: an unknown key with its nearest match, or the first line of the innermost error."""
    from hydra.errors import HydraException, OverrideParseException

    chosen = [o for o in overrides if o.partition("=")[0].lstrip("+~") in _GROUPS]
    try:
        known = _dotted(_composed([*base, *chosen]))
    except (HydraException, ValueError):
        return TunerError(_first_line(error.__cause__ or error), _LOOK)
    for override in overrides:
        key = override.partition("=")[0]
        if override not in chosen and not key.startswith("+") and key.lstrip("~") not in known:
            head = key.lstrip("~").partition(".")[0]
            return unknown_name("key", key.lstrip("~"), [k for k in known if k.startswith(f"{head}.")] or KEYS)
    hint = "put text with special characters in quotes" if isinstance(error, OverrideParseException) else _LOOK
    return TunerError(f"{_culprits(base, overrides)}: {_first_line(error.__cause__ or error)}", hint)


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


def _culprits(base: Sequence[str], overrides: Sequence[str]) -> str:
    return "cannot use " + " ".join(overrides or base[1:])


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
