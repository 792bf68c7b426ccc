"""From a deploy.json back to the overrides that measure the same thing again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engines.base import Engine
from engines.registry import load_engine
from search_spaces.errors import TunerError
from search_spaces.parameter import Value
from tuner.cli.config.hydra_files import group_names
from tuner.cli.config.overrides import quote
from tuner.core.deploy import DeployedModel
from tuner.core.study_document import StudyDocument
from tuner.results.export.document import read_deploy
from tuner.results.study_store import StudyStore


def replay(file: Path, with_model: bool = True) -> list[str]:
    """Overrides for the engine, model, workload and parameters of a deploy.json. Raises TunerError.

    Beside its study the model and the workload are those that the study was configured with, so that quality has the
    same reference. A document on its own names the measured file, or the place that its model was fetched from, with
    what its facts keep of the model's options (a context length); of the workload it knows the name only, so that its
    digest must be compared.
    """
    deploy = read_deploy(file)
    study = StudyStore(file.parent).read(StudyDocument, "study.yaml")
    configured = study.configuration if study and study.name == deploy.study else {}
    workload = configured.get("workload") or {"name": deploy.workload.name}
    engine = load_engine(deploy.engine.name)
    return [
        f"engine={engine.name}",
        *(_model_overrides(configured.get("model") or _model(deploy.model, engine), engine) if with_model else []),
        *_workload_overrides(workload, engine),
        *(f"params.{name}={literal(value)}" for name, value in deploy.params.items()),
    ]


def _model(model: DeployedModel, engine: Engine) -> dict[str, Value]:
    """A `model` section for a document on its own."""
    kept = {name: model.facts[name] for name in engine.facts_kept if name in model.facts}
    if model.path and Path(model.path).exists():
        return {"source": model.path, **kept}
    if model.source.startswith(("hf:", "shape:")):
        return {"source": model.source, **kept}
    raise TunerError(
        f"the measured model file is not on this machine: {model.path or model.source}",
        "put it there, or name the model with model=PATH",
    )


def _model_overrides(section: Mapping[str, Any], engine: Engine) -> list[str]:
    source, variants = section.get("source"), section.get("variants")
    if variants:
        first = f"model={literal(variants)}"
    elif source in group_names("model", engine):
        first = f"model={source}"
    else:
        first = f"model={quote(str(source))}"
    return [first, *_rest("model", section, ("source", "variants"))]


def _workload_overrides(section: Mapping[str, Any], engine: Engine) -> list[str]:
    name = section.get("name")
    if name not in group_names("workload", engine):
        return []
    return [f"workload={name}", *_rest("workload", section, ("name",))]


def _rest(group: str, section: Mapping[str, Any], without: Iterable[str]) -> list[str]:
    return [f"{group}.{key}={literal(value)}" for key, value in section.items() if key not in without]


def literal(value: Any) -> str:
    """A value in Hydra's grammar."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    return quote(value) if isinstance(value, str) else repr(value)
