"""From what the user typed to a StudyConfig: Hydra composes the files, the rest is checked and filled in here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engines.base import TASKS, Engine
from engines.registry import default_engine, offered
from search_spaces.errors import TunerError, unknown_name
from search_spaces.parameter import Domain, Value
from search_spaces.strict_yaml import load_yaml
from search_spaces.template import load_template
from tuner.cli.config.bare_names import explain_bare_name
from tuner.cli.config.checks import (
    check_budget,
    check_constraints,
    check_guards,
    check_objectives,
    check_outputs,
    check_sampler,
    check_seed,
    check_storage_url,
    check_study_name,
    constraint_limit,
    redacted,
)
from tuner.cli.config.hydra_files import check_complete, compose_document
from tuner.cli.config.model_choice import model_overrides, settle_model
from tuner.cli.config.overrides import parse_scalar
from tuner.cli.config.typed_overrides import OFF, Typed, chosen_engine, sort_overrides
from tuner.cli.config.workload_choice import check_workload
from tuner.core.documents import dump, load
from tuner.core.guards import default_guards
from tuner.core.metrics import check_metrics, metrics_of
from tuner.core.paths import user_path
from tuner.core.study_config import BASELINES, Budget, StudyConfig
from tuner.core.targets import TargetPreset, read_targets
from tuner.results.export.document import read_deploy


def compose(task: str, overrides: Sequence[str]) -> StudyConfig:
    """The configuration of one run. Raises TunerError for anything that is wrong with it. Main thread only.

    Paths of models are absolute in it; a relative `outputs` stays relative to the working directory.
    """
    check_task(task)
    engine = chosen_engine(overrides, lambda: default_engine(task))
    check_serves(engine, task)
    typed = sort_overrides(overrides, engine)
    if (workload := typed.chosen("workload")) is not None:
        check_workload(workload, engine, task)
    model = model_overrides(typed.model, engine)
    document = compose_document(engine, [*model.hydra, *(o.text for o in typed.hydra)])
    _check_keys(typed, document, engine)
    document = {**document, **{group: _with_absolute_files(group, document, engine) for group in ("model", "workload")}}
    document["model"] = settle_model(document["model"], model)
    check_complete(document)
    document = {"task": task, **document, **_settled(engine, typed, document)}
    return _study_config(document, typed)


def check_task(task: str) -> None:
    """Raises TunerError for what no engine serves."""
    if task not in TASKS:
        raise unknown_name("task", task, TASKS)


def check_serves(engine: Engine, task: str) -> None:
    """Raises TunerError unless `engine` serves `task`, and what it declares can be used."""
    if engine.task != task:
        others = ", ".join(other.name for other in offered() if other.task == task)
        raise TunerError(f"engine {engine.name!r} serves {engine.task!r}, not {task!r}", f"known: {others}")
    check_metrics(engine.name)


def _check_keys(typed: Typed, document: Mapping[str, Any], engine: Engine) -> None:
    """Raises TunerError for the first override that begins with nothing known."""
    if typed.unknown:
        knobs = load_template(engine.space).knobs
        raise explain_bare_name(typed.unknown[0], document, knobs, metrics_of(engine.task, engine.name))


def _settled(engine: Engine, typed: Typed, document: dict[str, Any]) -> dict[str, Any]:
    """The parts of the document that Hydra does not settle, as JSON data and checked."""
    general = {} if typed.no_constraints else document["constraints"]
    limits = {**general, **{n: constraint_limit(n, raw, engine) for n, raw in typed.constraints.items()}}
    tracking = {**document["tracking"]}
    tracking["uri"] = typed.text.get("tracking.uri") or tracking["uri"] or os.environ.get("MLFLOW_TRACKING_URI") or None
    if "tracking" in typed.text:
        if typed.text["tracking"].lower() not in OFF:
            raise TunerError(
                f"tracking={typed.text['tracking']} is not an answer",
                "write tracking=false for none, or tracking.uri=URI",
            )
        tracking["uri"] = ""
    objectives, constraints = (
        check_objectives(typed.objectives or tuple(document["objective"]), engine),
        check_constraints(limits, engine),
    )
    of_engine = metrics_of(engine.task, engine.name).values()
    guards = {} if typed.no_guards else default_guards(of_engine, (*objectives, *constraints))
    origin, baseline = _baseline(typed)
    return {
        "objective": list(objectives),
        "constraints": constraints,
        "guards": check_guards(typed.guards, guards, engine),
        "budget": check_budget(document["budget"]),
        "targets": dump(_targets(engine.task, typed, document), sparse=True),
        "tracking": tracking,
        "study": check_study_name(typed.text.get("study", document["study"])),
        "outputs": str(user_path(check_outputs(typed.text.get("outputs", document["outputs"])))),
        "seed": check_seed(document["seed"]),
        "sampler": check_sampler(document["sampler"]),
        "storage": check_storage_url(typed.text.get("storage", document["storage"])),
        "params": {name: parse_scalar(f"params.{name}", raw) for name, raw in typed.knobs["params"].items()},
        "space": dict(typed.knobs["space"]),
        "baseline": baseline,
        "baseline_from": origin,
    }


def _baseline(typed: Typed) -> tuple[str, dict[str, Value]]:
    """What is to be beaten, and the values in which it differs from that: of a file, and what was typed singly."""
    typed_singly = {name: parse_scalar(f"baseline.{name}", raw) for name, raw in typed.knobs["baseline"].items()}
    if typed.baseline in ("", *BASELINES):
        return typed.baseline or BASELINES[0], typed_singly
    file = user_path(typed.baseline)
    if not file.exists():
        raise TunerError(
            f"baseline={typed.baseline} is neither {' nor '.join(BASELINES)}, nor a file",
            "write baseline=stock, baseline=DEPLOY.json, or baseline.KNOB=VALUE",
        )
    return BASELINES[0], {**read_deploy(file).params, **typed_singly}


def _with_absolute_files(group: str, document: Mapping[str, Any], engine: Engine) -> dict[str, Any]:
    """A section with the user's files by absolute paths, so that the study can be measured again from any folder."""
    section: Mapping[str, Any] = document[group]
    found = {
        key: str(path.absolute())
        for option in engine.files
        if (key := option.removeprefix(f"{group}.")) != option
        and isinstance(value := section.get(key), str)
        and value
        and (path := user_path(value)).exists()
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
        baseline_from=document["baseline_from"],
        guards=document["guards"],
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
