"""What every engine must do, whatever it serves: run on each engine of the registry."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engines.base import TASKS, Capabilities, Engine, Inspectable, Model, Session, Workload
from engines.declaration import check_engine
from engines.deploy import Deployment
from engines.discovery import shipped
from engines.errors import EngineError
from engines.registry import default_engine, load_engine
from search_spaces.errors import TunerError
from search_spaces.parameter import Params
from search_spaces.space import SearchSpace
from tests.conformance.subjects import SUBJECTS, Subject
from tuner.cli.config.compose import compose
from tuner.core.metrics import check_metrics, leading_metrics, metrics_of
from tuner.core.study_config import Budget, StudyConfig
from tuner.measure.answers import RoundAnswer, judgement
from tuner.measure.preparation import bound_space
from tuner.measure.round_metrics import round_metrics
from tuner.measure.worker_process import Worker

_TIMEOUT_S = 120.0
_RANDOM_CONFIGURATIONS = 4
_LIGHT = """
import json, sys
before = set(sys.modules)
from engines.base import TASKS, Capabilities, Model
from engines.registry import load_engine
engine = load_engine(sys.argv[1])
engine.name, engine.task, engine.space, engine.conf, engine.metrics, engine.export_targets
model, capabilities, params = (json.loads(argument) for argument in sys.argv[2:])
engine.predict_memory(Model(**model), params, Capabilities(**capabilities))
names = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps(sorted(names - set(sys.stdlib_module_names) - {"engines", "search_spaces"})))
"""


@dataclass(frozen=True)
class Case:
    """An engine with a model, a workload and the search space that they leave."""

    engine: Engine
    subject: Subject
    capabilities: Capabilities
    model: Model
    workload: Workload
    space: SearchSpace

    @contextmanager
    def opened(self, params: Params) -> Iterator[Session]:
        """A session on `params`."""
        self.engine.prepare(self.model, params, quiet)
        session = self.engine.open(self.model, params)
        try:
            yield session
        finally:
            session.close()


def quiet(text: str) -> None:
    """Progress must be one short line."""
    assert text
    assert "\n" not in text


def space_of(
    engine: Engine, capabilities: Capabilities, model: Model, workload: Workload, params: Params
) -> SearchSpace:
    config = StudyConfig(engine.task, engine.name, {}, {}, (), {}, Budget(), {}, params)
    return bound_space(engine, config, capabilities, model, workload)


@pytest.fixture(scope="module", params=sorted(shipped()))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    name = request.param
    assert name in SUBJECTS, f"add {name} to tests/conformance/subjects.py"
    engine, subject = load_engine(name), SUBJECTS[name]
    if lacking := subject.lacking():
        pytest.skip(lacking)
    capabilities = engine.capabilities()
    model = engine.resolve_model(subject.model(tmp_path_factory.mktemp(name)), quiet)
    workload = engine.resolve_workload(subject.workload, model, quiet)
    engine.prepare_quality(model, workload, quiet)
    space = space_of(engine, capabilities, model, workload, subject.params)
    return Case(engine, subject, capabilities, model, workload, space)


def test_it_is_what_the_registry_calls_it(case: Case) -> None:
    check_engine(case.engine, case.engine.name)
    check_metrics(case.engine.name)
    assert load_engine(case.engine.name) is not load_engine(case.engine.name)


def test_every_task_has_a_default_engine_of_that_task() -> None:
    for task in TASKS:
        assert load_engine(default_engine(task)).task == task


def test_its_file_options_are_options_of_its_configuration(case: Case) -> None:
    config = compose(case.engine.task, [f"engine={case.engine.name}"])
    options = {*(f"model.{key}" for key in config.model), *(f"workload.{key}" for key in config.workload)}
    assert set(case.engine.files) <= options


def test_importing_it_and_its_light_methods_imports_no_library(case: Case) -> None:
    documents = [json.dumps(d) for d in (asdict(case.model), asdict(case.capabilities), dict(case.space.baseline))]
    command = [sys.executable, "-c", _LIGHT, case.engine.name, *documents]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == []


def test_facts_are_flat_and_the_build_is_identified(case: Case) -> None:
    assert all(
        isinstance(v, bool | int | float | str) for v in {**case.capabilities.facts, **case.model.facts}.values()
    )
    assert case.capabilities.build["version"]
    assert case.capabilities.build["build"]
    assert case.engine.capabilities() == case.capabilities


def test_the_same_request_resolves_to_the_same_thing(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        again = case.engine.resolve_model(case.subject.model(Path(folder)), quiet)
        assert again.digest == case.model.digest
        assert case.engine.resolve_workload(case.subject.workload, again, quiet).digest == case.workload.digest


def test_native_and_reference_are_variants(case: Case) -> None:
    assert case.model.native in case.model.variants
    assert case.model.reference in case.model.variants
    assert case.model.name
    assert len(case.model.digest) == 64


def test_items_are_told_apart_and_are_json(case: Case) -> None:
    ids = [item.id for item in case.workload.items]
    assert ids
    assert len(set(ids)) == len(ids)
    assert json.loads(json.dumps(asdict(case.workload)))["items"][0]["id"] == ids[0]


def test_a_model_that_does_not_exist_is_one_line_and_a_hint(case: Case) -> None:
    with pytest.raises(TunerError) as caught:
        case.engine.resolve_model(case.subject.missing, quiet)
    assert caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


def test_the_file_of_a_configuration_is_made_once(case: Case) -> None:
    told: list[str] = []
    first = case.engine.prepare(case.model, case.space.baseline, quiet)
    assert case.engine.prepare(case.model, case.space.baseline, told.append) == first
    assert len(first.sha256) == 64
    assert first.size_mib > 0
    assert len(told) <= 1


def test_the_memory_of_the_baseline_is_predicted(case: Case) -> None:
    predicted = case.engine.predict_memory(case.model, case.space.baseline, case.capabilities)
    assert 0 < predicted.host_mib < math.inf
    assert 0 <= predicted.device_mib < math.inf
    assert all(part >= 0 for part in predicted.parts_mib.values())


def test_the_baseline_runs_every_item(case: Case) -> None:
    with case.opened(case.space.baseline) as session:
        for item in case.workload.items:
            sample = session.run(item)
            assert sample.item_id == item.id
            assert sample.output_times_s
            assert list(sample.output_times_s) == sorted(sample.output_times_s)
            assert sample.output_times_s[0] > 0
            assert sample.output_times_s[-1] <= sample.done_s
            assert sample.units_in > 0
            assert sample.units_out > 0
            assert all(math.isfinite(v) and v >= 0 for v in (*sample.stages_s.values(), *sample.counts.values()))
            assert json.loads(json.dumps(asdict(sample)))["output"] == sample.output


def test_no_item_is_cheaper_for_what_came_before(case: Case) -> None:
    """By what the engine counts, not by the clock: the same work whatever the order, and however often."""
    first, last = case.workload.items[0], case.workload.items[-1]

    def work(session: Session, *items: Any) -> list[tuple[object, ...]]:
        samples = [session.run(item) for item in items]
        return [(s.item_id, s.units_in, s.units_out, s.output, s.due, dict(s.counts)) for s in samples]

    with case.opened(case.space.baseline) as session:
        alone = work(session, last)
        assert work(session, first, last, last)[1:] == alone * 2


def test_quality_is_finite_and_known_by_name(case: Case) -> None:
    with case.opened(case.space.baseline) as session:
        quality = session.quality(case.workload).metrics
    known = metrics_of(case.engine.task, case.engine.name)
    for name, value in quality.items():
        assert known[name].kind == "quality"
        assert math.isfinite(value)


def test_the_quality_reference_is_made_once(case: Case) -> None:
    told: list[str] = []
    case.engine.prepare_quality(case.model, case.workload, told.append)
    assert told == []


def test_what_it_tells_of_itself_is_text_and_json(case: Case) -> None:
    with case.opened(case.space.baseline) as session:
        if not isinstance(session, Inspectable):
            return
        session.run(case.workload.items[0])
        told, profiles = session.in_force(), session.profile(case.workload)
    assert all(name and value for name, value in told.items())
    assert all(Path(name).name == name and name.endswith(".json") for name in profiles)
    assert json.loads(json.dumps(profiles)) == profiles


def test_any_configuration_of_its_space_runs_or_is_refused(case: Case) -> None:
    rng, refusals = Random(1), []
    for _ in range(_RANDOM_CONFIGURATIONS):
        try:
            with case.opened(case.space.random(rng)) as session:
                assert session.run(case.workload.items[0]).units_out > 0
        except EngineError as error:
            refusals.append(error.message)
    assert len(refusals) < _RANDOM_CONFIGURATIONS
    assert all(message and "\n" not in message for message in refusals)


def test_every_export_target_gives_files(case: Case) -> None:
    file, model, params = case.engine.prepare(case.model, case.space.baseline, quiet), case.model, case.space.baseline
    deploy = Deployment("a-study", model.name, file.quantization, file.path, params, model.facts)
    assert case.engine.export_targets
    for target, help_line in case.engine.export_targets.items():
        assert help_line
        files = case.engine.export(target, deploy)
        assert files
        assert len({file.name for file in files}) == len(files)
        assert all(file.text and Path(file.name).name == file.name for file in files)


def test_a_worker_process_serves_it(case: Case, tmp_path: Path) -> None:
    told: list[str] = []
    with Worker(case.engine.name, told.append) as worker:
        assert worker.ask("capabilities", _TIMEOUT_S) == asdict(case.capabilities)
        model = dict(case.subject.model(tmp_path))
        resolved = worker.ask("resolve", _TIMEOUT_S, model=model, workload=dict(case.subject.workload))
        assert Model(**resolved["model"]).digest == case.model.digest
        params = dict(case.space.baseline)
        worker.ask("prepare", _TIMEOUT_S, model=resolved["model"], params=params)
        worker.ask("prepare_quality", _TIMEOUT_S, **resolved)
        worker.ask("open", _TIMEOUT_S, **resolved, params=params, evict="")
        samples = RoundAnswer.from_json(worker.ask("round", _TIMEOUT_S)).samples
        quality = judgement(**worker.ask("quality", _TIMEOUT_S, limits={})).metrics
        worker.ask("close", _TIMEOUT_S)
    task, engine = case.engine.task, case.engine.name
    assert set(quality) <= set(metrics_of(task, engine))
    leading = leading_metrics(task, engine)
    assert leading
    assert set(leading) <= set(round_metrics(task, samples, case.engine.metrics))
