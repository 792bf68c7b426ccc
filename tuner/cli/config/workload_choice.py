"""Which files of the workload group an engine can run: those whose keys its own workload has."""

from __future__ import annotations

from engines.base import Engine
from search_spaces.errors import TunerError, unknown_name
from tuner.cli.config.hydra_files import group_names, read_file


def check_workload(name: str, engine: Engine, task: str) -> None:
    """Raise TunerError unless `workload=<name>` is one for `engine`; both files are read without Hydra, in no time."""
    fitting = fitting_workloads(engine)
    if name in fitting:
        return
    if name in group_names("workload"):
        raise TunerError(
            f"workload {name!r} is not for {task} on {engine.name}", f"write workload={' or '.join(fitting)}"
        )
    raise unknown_name("workload", name, fitting)


def fitting_workloads(engine: Engine) -> list[str]:
    """The workloads that `engine` knows every key of, by those of the one that its file chooses."""
    file = read_file("engine", engine.name, engine)
    chosen = [entry.get("override /workload") for entry in file.get("defaults", ()) if isinstance(entry, dict)]
    own = set(file.get("workload", ())).union(*(_keys(name, engine) for name in chosen if name))
    return [name for name in group_names("workload", engine) if _keys(name, engine) <= own]


def _keys(workload: str, engine: Engine) -> set[str]:
    """The keys of a workload's file and of those that it is made from."""
    content = read_file("workload", workload, engine)
    bases = [base for base in content.pop("defaults", []) if base != "_self_"]
    return set(content).union(*(_keys(base, engine) for base in bases))
