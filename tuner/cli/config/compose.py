"""From what the user typed to a StudyConfig: Hydra composes the files, the rest is checked and filled in here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engines.registry import DEFAULT_ENGINE, load_engine
from search_spaces.errors import TunerError, unknown_name
from search_spaces.parameter import Domain
from search_spaces.strict_yaml import load_yaml
from search_spaces.template import load_template
from tuner.cli.config.bare_names import explain_bare_name
from tuner.cli.config.checks import (
    check_budget,
    check_constraints,
    check_objectives,
    check_outputs,
    check_sampler,
    check_seed,
    check_storage_url,
    check_study_name,
    constraint_limit,
    metrics_of,
    redacted,
)
from tuner.cli.config.hydra_files import check_complete, compose_document, group_names
from tuner.cli.config.model_choice import model_overrides, settle_model
from tuner.cli.config.overrides import parse_scalar
from tuner.cli.config.typed_overrides import OFF, Typed, sort_overrides
from tuner.cli.config.workload_choice import check_workload
from tuner.core.documents import dump, load
from tuner.core.paths import user_path
from tuner.core.study_config import Budget, StudyConfig
from tuner.core.targets import TargetPreset, read_targets

FILES = (
    "vad_model",
    "audio",
    "prompts",
    "sentences",
    "voices",
    "phrases",
    "asr_model",
    "repo",
    "prompt_wav",
    "recording",
)
"""Options of models and workloads that name a file or a folder of the user; a model's source is settled with it."""


def compose(task: str, overrides: Sequence[str]) -> StudyConfig:
    """The configuration of one run. Raises TunerError for anything that is wrong with it. Main thread only.

    Paths of models are absolute in it; a relative `outputs` stays relative to the working directory.
    """
    check_task(task)
    typed = sort_overrides(overrides)
    engine = typed.chosen("engine")
    base = [] if engine else [f"engine={DEFAULT_ENGINE[task]}"]
    if (workload := typed.chosen("workload")) is not None:
        check_workload(workload, engine or DEFAULT_ENGINE[task], task)
    model = model_overrides(typed.model)
    overrides = [*base, *(o.text for o in typed.hydra), *model.hydra]
    document = compose_document(overrides)
    _check_keys(typed, document, task)
    document = {**document, **{group: _with_absolute_files(document[group]) for group in ("model", "workload")}}
    document["model"] = settle_model(document["model"], model)
    check_complete(document)
    document = {"task": task, **document, **_settled(task, typed, document)}
    return _study_config(document, typed)


def check_task(task: str) -> None:
    """Raises TunerError unless an engine serves `task`."""
    if task not in DEFAULT_ENGINE:
        raise unknown_name("task", task, DEFAULT_ENGINE)


def _check_keys(typed: Typed, document: Mapping[str, Any], task: str) -> None:
    """Raises TunerError for the first override that begins with nothing known."""
    if typed.unknown:
        knobs = load_template(load_engine(document["engine"]["name"]).space).knobs
        raise explain_bare_name(typed.unknown[0], document, knobs, metrics_of(task))


def _settled(task: str, typed: Typed, document: dict[str, Any]) -> dict[str, Any]:
    """The parts of the document that Hydra does not settle, as JSON data and checked."""
    engine = load_engine(document["engine"]["name"])
    if engine.task != task:
        offered = [name for name in group_names("engine") if load_engine(name).task == task]
        raise TunerError(f"engine {engine.name!r} serves {engine.task!r}, not {task!r}", f"known: {', '.join(offered)}")
    general = {} if typed.no_constraints else document["constraints"]
    limits = {**general, **{n: constraint_limit(n, raw, task) for n, raw in typed.constraints.items()}}
    tracking = {**document["tracking"]}
    tracking["uri"] = typed.text.get("tracking.uri") or tracking["uri"] or os.environ.get("MLFLOW_TRACKING_URI") or None
    if "tracking" in typed.text:
        if typed.text["tracking"].lower() not in OFF:
            raise TunerError(
                f"tracking={typed.text['tracking']} is not an answer",
                "write tracking=false for none, or tracking.uri=URI",
            )
        tracking["uri"] = ""
    return {
        "objective": list(check_objectives(typed.objectives or tuple(document["objective"]), task)),
        "constraints": check_constraints(limits, task),
        "budget": check_budget(document["budget"]),
        "targets": dump(_targets(task, typed, document), sparse=True),
        "tracking": tracking,
        "study": check_study_name(typed.text.get("study", document["study"])),
        "outputs": str(user_path(check_outputs(typed.text.get("outputs", document["outputs"])))),
        "seed": check_seed(document["seed"]),
        "sampler": check_sampler(document["sampler"]),
        "storage": check_storage_url(typed.text.get("storage", document["storage"])),
        "params": {name: parse_scalar(f"params.{name}", raw) for name, raw in typed.knobs["params"].items()},
        "space": dict(typed.knobs["space"]),
        "baseline": {name: parse_scalar(f"baseline.{name}", raw) for name, raw in typed.knobs["baseline"].items()},
    }


def _with_absolute_files(section: Mapping[str, Any]) -> dict[str, Any]:
    """The user's files and folders by absolute paths, so that the study can be measured again from any folder."""
    found = {
        key: str(path.absolute())
        for key in FILES
        if isinstance(value := section.get(key), str) and value and (path := user_path(value)).exists()
    }
    return {**section, **found}


def _targets(task: str, typed: Typed, document: dict[str, Any]) -> TargetPreset:
    """The chosen preset, cut down to what concerns this run; an empty one when none is chosen."""
    if typed.targets_file:
        preset = read_targets(_targets_file(user_path(typed.targets_file)), typed.targets_file)
    elif document["targets"]:
        name = next((o.raw or "" for o in reversed(typed.hydra) if o.key == "targets"), "")
        preset = read_targets(document["targets"], name)
    else:
        return TargetPreset()
    return preset.concerning(task, str(document["workload"].get("name", "")))


def _targets_file(path: Path) -> object:
    """The data of a targets file of the user's. Raises TunerError when it cannot be read."""
    try:
        return load_yaml(path.read_text(encoding="utf-8"), f"targets file {str(path)!r}")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise TunerError(f"targets file {str(path)!r}: {reason}", "see conf/targets/jane.yaml for the form") from None


def _study_config(document: dict[str, Any], typed: Typed) -> StudyConfig:
    return StudyConfig(
        task=document["task"],
        engine=document["engine"]["name"],
        model=document["model"],
        workload=document["workload"],
        objectives=tuple(document["objective"]),
        constraints=document["constraints"],
        budget=Budget(**document["budget"]),
        targets=load(TargetPreset, document["targets"]).targets,
        params=document["params"],
        space={name: _domain(name, raw) for name, raw in document["space"].items()},
        baseline=document["baseline"],
        study=document["study"],
        outputs=Path(document["outputs"]),
        tracking_uri=document["tracking"]["uri"],
        seed=document["seed"],
        sampler=document["sampler"],
        storage=document["storage"],
        document=redacted(document),
    )


def _domain(knob: str, raw: str) -> Domain:
    from search_spaces.sweep_syntax import parse_domain

    return parse_domain(knob, raw)
