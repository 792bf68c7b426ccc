import json
from pathlib import Path

import pytest

from search_spaces.errors import NoAnswerError, TunerError
from tuner.export import export

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
    paths = export(reference.format(outputs=outputs), "json", tmp_path / "out", outputs)
    assert paths == [tmp_path / "out" / "params.json"]
    assert json.loads(paths[0].read_text()) == json.loads((DOCUMENTS / "good/gain.json").read_text())["params"]


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
