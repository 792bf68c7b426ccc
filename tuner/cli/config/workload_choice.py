"""Which files of the workload group an engine can run: those whose keys its own workload has."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from search_spaces.errors import TunerError, unknown_name
from tuner.cli.config.hydra_files import group_names


def check_workload(name: str, engine: str, task: str) -> None:
    """Raise TunerError unless `workload=<name>` is one for `engine`; both files are read without Hydra, in no time."""
    fitting = fitting_workloads(engine)
    if name in fitting:
        return
    if name in group_names("workload"):
        raise TunerError(f"workload {name!r} is not for {task} on {engine}", f"write workload={' or '.join(fitting)}")
    raise unknown_name("workload", name, fitting)


def fitting_workloads(engine: str) -> list[str]:
    """The workloads that `engine` knows every key of, by those of the one that its file chooses."""
    chosen = (entry.get("override /workload") for entry in _file("engine", engine)["defaults"])
    own = _keys(next(name for name in chosen if name))
    return [name for name in group_names("workload") if _keys(name) <= own]


def _keys(workload: str) -> set[str]:
    """The keys of a workload's file and of those that it is made from."""
    content = _file("workload", workload)
    bases = [base for base in content.pop("defaults", []) if base != "_self_"]
    return set(content).union(*(_keys(base) for base in bases))


def _file(group: str, name: str) -> dict[str, Any]:
    import yaml

    content: dict[str, Any] = yaml.safe_load((files("conf") / group / f"{name}.yaml").read_text(encoding="utf-8"))
    return content
