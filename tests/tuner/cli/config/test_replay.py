import json
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.errors import TunerError
from tests.tuner.synthetic import study_document
from tuner.cli.config.compose import compose
from tuner.cli.config.replay import literal, replay
from tuner.results.study_store import StudyStore

DOCUMENT = Path(__file__).parents[2] / "results" / "export" / "documents" / "good" / "gain.json"

texts = st.text(st.characters(exclude_categories=["C"]), max_size=12).filter(lambda t: "${" not in t)
names = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
leaves = st.one_of(st.booleans(), st.none(), st.integers(-(10**9), 10**9), st.floats(allow_nan=False, width=32), texts)
values = st.recursive(leaves, lambda v: st.one_of(st.lists(v, max_size=3), st.dictionaries(names, v, max_size=3)))


@given(values)
def test_hydra_reads_a_literal_back(value):
    assert OverridesParser.create().parse_override(f"key={literal(value)}").value() == value


def written(folder, **changes):
    document = {**json.loads(DOCUMENT.read_text()), **changes}
    file = folder / "deploy.json"
    file.write_text(json.dumps(document))
    return file


def model_file(folder):
    file = folder / "it's, a=model.gguf"
    file.touch()
    return {**json.loads(DOCUMENT.read_text())["model"], "path": str(file)}


def test_a_document_on_its_own_names_the_measured_file(tmp_path):
    model = model_file(tmp_path)
    config = compose("llm", replay(written(tmp_path, model=model)))
    assert config.engine == "fake"
    assert config.model["source"] == model["path"]
    assert config.workload["name"] == "fake"
    assert config.params == {"mode": "b", "threads": 6, "turbo": True, "level": 4, "scale": 1.0}


@pytest.mark.parametrize("path", ["the file", "/gone.gguf"])
def test_a_document_on_its_own_keeps_the_context_length(tmp_path, path):
    model = {**model_file(tmp_path), "source": "hf:ORG/REPO", "facts": {"n_ctx": 1024, "n_layers": 2}}
    engine = {"name": "llama_cpp", "version": "1", "build": "x"}
    model["path"] = model["path"] if path == "the file" else path
    workload = {"name": "chat", "digest": "0" * 16}
    file = written(tmp_path, model=model, engine=engine, workload=workload)
    assert compose("llm", replay(file)).model["n_ctx"] == 1024


def test_beside_its_study_it_is_the_studys_model_and_workload(tmp_path):
    study = compose("llm", ["engine=fake", "model.noise=0.25", "workload.tokens=5", "model.script=[{do: hang}]"])
    file = written(tmp_path, study="mine")
    StudyStore(tmp_path).write("study.yaml", study_document(name="mine", configuration=study.document))
    config = compose("llm", replay(file))
    assert config.model == study.model
    assert config.workload == study.workload


def test_the_study_of_another_name_is_not_its_own(tmp_path):
    model = model_file(tmp_path)
    study = compose("llm", ["engine=fake", "model.noise=0.25"])
    StudyStore(tmp_path).write("study.yaml", study_document(name="other", configuration=study.document))
    assert compose("llm", replay(written(tmp_path, model=model))).model["source"] == model["path"]


def test_variants_of_the_users_come_back(tmp_path):
    study = compose("llm", ["model={Q4_K_M: 'a, b.gguf', Q6_K: c.gguf}", "model.n_ctx=1024"])
    engine = {"name": "llama_cpp", "version": "1", "build": "x"}
    file = written(tmp_path, study="mine", engine=engine)
    StudyStore(tmp_path).write("study.yaml", study_document(name="mine", configuration=study.document))
    assert compose("llm", replay(file)).model == study.model


def test_a_model_of_a_hub_is_fetched_again(tmp_path):
    model = {**model_file(tmp_path), "path": "/gone.gguf", "source": "hf:ORG/REPO"}
    assert compose("llm", replay(written(tmp_path, model=model))).model["source"] == "hf:ORG/REPO"


def test_a_model_that_is_not_here_is_named(tmp_path):
    file = written(tmp_path)
    with pytest.raises(TunerError, match=r"not on this machine: /models/llama-160m-Q4_K_M\.gguf"):
        replay(file)
    assert not any(text.startswith("model") for text in replay(file, with_model=False))


def test_a_document_on_its_own_of_generated_weights_names_their_shape(tmp_path):
    model = {**json.loads(DOCUMENT.read_text())["model"], "path": "", "source": "shape:v3"}
    engine = {"name": "cosyvoice", "version": "1", "build": "x"}
    assert "model='shape:v3'" in replay(written(tmp_path, model=model, engine=engine))
