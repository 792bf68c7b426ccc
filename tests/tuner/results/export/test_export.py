import json
from pathlib import Path

import pytest

from search_spaces.errors import NoAnswerError, TunerError
from search_spaces.template import load_template
from tuner.results.export import export
from tuner.results.export.knob_types import check_types

DOCUMENTS = Path(__file__).parent / "documents"


@pytest.fixture
def outputs(tmp_path):
    """One finished study, and one without a verdict."""
    for name in ("done", "open"):
        folder = tmp_path / "outputs" / name
        folder.mkdir(parents=True)
        (folder / "study.yaml").write_text(f"name: {name}\n")
    (tmp_path / "outputs/done/deploy.json").write_text((DOCUMENTS / "good/gain.json").read_text())
    (tmp_path / "outputs/latest").symlink_to("done")
    return tmp_path / "outputs"


@pytest.mark.parametrize("reference", ["done", "latest", "{outputs}/done", "{outputs}/done/deploy.json"])
def test_export_of_a_study_by_any_of_its_names(outputs, tmp_path, reference):
    exported = export(reference.format(outputs=outputs), "json", tmp_path / "out", outputs)
    assert exported.study == json.loads((DOCUMENTS / "good/gain.json").read_text())["study"]
    assert exported.paths == [tmp_path / "out" / "params.json"]
    assert json.loads(exported.paths[0].read_text()) == json.loads((DOCUMENTS / "good/gain.json").read_text())["params"]


def test_an_unknown_target_lists_those_there_are(outputs, tmp_path):
    with pytest.raises(TunerError, match="unknown export target 'jsn'") as raised:
        export("done", "jsn", tmp_path / "out", outputs)
    assert raised.value.hint == "did you mean 'json'? known: json"
    assert not (tmp_path / "out").exists()


def test_a_study_without_a_verdict_has_nothing_to_export(outputs, tmp_path):
    with pytest.raises(NoAnswerError, match="study 'open' has nothing to deploy"):
        export("open", "json", tmp_path / "out", outputs)


def test_a_document_that_is_not_sound_is_not_exported(outputs, tmp_path):
    (outputs / "done/deploy.json").write_text((DOCUMENTS / "bad/params_nested.json").read_text())
    with pytest.raises(TunerError, match=r"is not a valid deploy\.json"):
        export("done", "json", tmp_path / "out", outputs)
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_not_here_is_told_and_exported_all_the_same(outputs, tmp_path):
    told = []
    assert export("done", "json", tmp_path / "out", outputs, notify=told.append)
    (line,) = told
    assert "/models/llama-160m-Q4_K_M.gguf" in line

    document = json.loads((DOCUMENTS / "good/gain.json").read_text())
    document["model"]["path"] = str(tmp_path / "here.gguf")
    (tmp_path / "here.gguf").touch()
    (outputs / "done/deploy.json").write_text(json.dumps(document))
    export("done", "json", tmp_path / "out", outputs, notify=told.append)
    assert told == [line]


@pytest.mark.parametrize(
    ("knob", "value", "takes"),
    [
        ("threads", "6", "a whole number"),
        ("threads", 6.5, "a whole number"),
        ("threads", True, "a whole number"),
        ("turbo", 1, "true or false"),
        ("turbo", "on", "true or false"),
        ("mode", 3, "text"),
        ("scale", "1", "a number"),
    ],
)
def test_a_value_of_a_wrong_type_is_not_exported(outputs, tmp_path, knob, value, takes):
    document = json.loads((DOCUMENTS / "good/gain.json").read_text())
    document["params"][knob] = value
    (outputs / "done/deploy.json").write_text(json.dumps(document))
    with pytest.raises(TunerError) as raised:
        export("done", "json", tmp_path / "out", outputs)
    assert f"params.{knob} is {value!r}, and {knob} takes {takes}" in raised.value.message
    assert not (tmp_path / "out").exists()


def test_choices_among_numbers_take_numbers():
    llm = load_template("llm")
    check_types({"n_batch": 256, "type_k": "q8_0", "quantization": "Q4_0", "numa": "disabled"}, llm, "it")
    with pytest.raises(TunerError, match=r"it: params\.n_batch is '256', and n_batch takes a whole number"):
        check_types({"n_batch": "256"}, llm, "it")
