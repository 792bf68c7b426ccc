import json
from pathlib import Path

import pytest

from search_spaces.errors import TunerError
from tests.tuner.records import write_results
from tests.tuner.synthetic import study_document, tournament
from tuner.core.documents import dump
from tuner.core.trial import TrialResult, TrialStatus
from tuner.results.studies import find_study, list_studies
from tuner.results.study_store import StudyStore

GAIN = Path(__file__).parent / "export/documents/good/gain.json"


def study(outputs, name, created_at="2026-11-21T10:00:00+0000", trials=(), verdict="", deploy=False):
    folder = outputs / name
    folder.mkdir(parents=True)
    store = StudyStore(folder)
    store.write("study.yaml", study_document(name=name, record=name, created_at=created_at))
    write_results(folder, name, trials, "decode_tokens_per_second")
    if verdict:
        store.write("tournament.json", tournament(verdict=verdict))
    if deploy:
        (folder / "deploy.json").write_text(GAIN.read_text())
    return folder


def trials(*statuses):
    return [TrialResult(number, {}, TrialStatus(status)) for number, status in enumerate(statuses)]


def test_the_list_tells_what_was_run_newest_first(tmp_path):
    study(tmp_path, "old", "2026-01-01T10:00:00+0000", trials("ok", "crashed", "infeasible"), "gain", deploy=True)
    study(tmp_path, "new", "2026-02-01T10:00:00+0000", trials("ok"))
    (tmp_path / "latest").symlink_to("new")
    (tmp_path / "something else").mkdir()
    new, old = list_studies(tmp_path)
    assert (new.name, new.trials, new.verdict, new.best, new.ratio) == ("new", 1, "", None, None)
    assert (old.name, old.trials, old.statuses) == ("old", 3, {"ok": 1, "crashed": 1, "infeasible": 1})
    assert (old.verdict, old.best, old.ratio) == ("gain", 412.0, 1.37)
    assert (old.task, old.engine, old.model, old.hardware) == ("llm", "fake", "tiny", "test-2c-4g")
    assert json.loads(json.dumps(dump(old)))["directory"] == str(tmp_path / "old")


def test_looking_changes_nothing_in_a_running_study(tmp_path):
    folder = study(tmp_path, "running", trials=trials("ok"))
    with (folder / "journal.log").open("a") as journal:
        journal.write('{"op_code": 4, "wor')
    before = {f: f.read_bytes() for f in folder.iterdir()}
    assert list_studies(tmp_path)[0].trials == 1
    assert {f: f.read_bytes() for f in folder.iterdir()} == before


def test_damaged_files_do_not_hide_the_other_studies(tmp_path):
    study(tmp_path, "fine")
    (study(tmp_path, "torn", deploy=True) / "deploy.json").write_text("{")
    (study(tmp_path, "broken") / "study.yaml").write_text("{")
    (study(tmp_path, "odd", deploy=True) / "deploy.json").write_text('{"schema_version": 9}')
    (study(tmp_path, "earlier") / "study.yaml").write_text("name: earlier\n")
    assert {s.name: s.best for s in list_studies(tmp_path)} == {"fine": None, "torn": None, "odd": None}


def test_no_outputs_no_studies(tmp_path):
    assert list_studies(tmp_path / "nowhere") == []


def test_a_study_is_found_by_name_folder_and_latest(tmp_path):
    folder = study(tmp_path / "outputs", "mine")
    (tmp_path / "outputs/latest").symlink_to("mine")
    for reference in ("mine", "latest", str(folder)):
        assert find_study(reference, tmp_path / "outputs") == folder
    assert find_study(str(folder), tmp_path / "elsewhere") == folder


def test_latest_may_be_a_file_where_links_are_not_allowed(tmp_path):
    folder = study(tmp_path, "mine")
    (tmp_path / "latest").write_text("mine")
    assert find_study("latest", tmp_path) == folder


def test_a_dangling_latest(tmp_path):
    study(tmp_path, "mine")
    (tmp_path / "latest").symlink_to("removed")
    with pytest.raises(TunerError, match="there are no studies"):
        find_study("latest", tmp_path)


def test_an_unknown_study_gets_the_nearest_match(tmp_path):
    study(tmp_path, "llm-llama-160m-1a2b")
    with pytest.raises(TunerError, match="unknown study 'llm-llama-160m'") as raised:
        find_study("llm-llama-160m", tmp_path)
    assert "did you mean 'llm-llama-160m-1a2b'?" in raised.value.hint


def test_without_studies_the_hint_is_to_make_one(tmp_path):
    with pytest.raises(TunerError, match="there are no studies") as raised:
        find_study("mine", tmp_path)
    assert "sweep" in raised.value.hint
