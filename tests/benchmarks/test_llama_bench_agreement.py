"""Which study llama-bench is compared with."""

import pytest

from benchmarks.llama_bench_agreement import newest_deploy
from tests.tuner import synthetic
from tests.tuner.synthetic import study_document
from tuner.results.study_store import StudyStore


def add_study(outputs, name, engine, created_at, deploy=True):
    folder = outputs / name
    folder.mkdir(parents=True)
    store = StudyStore(folder)
    store.write("study.yaml", study_document(name=name, engine={"name": engine}, created_at=created_at))
    if deploy:
        store.write("deploy.json", synthetic.deploy())


def test_the_newest_study_of_a_language_model_is_taken(tmp_path):
    add_study(tmp_path, "old", "llama_cpp", "2026-01-01T00:00:00Z")
    add_study(tmp_path, "new", "llama_cpp", "2026-01-02T00:00:00Z")
    add_study(tmp_path, "speech", "whisper_cpp", "2026-01-03T00:00:00Z")
    add_study(tmp_path, "unfinished", "llama_cpp", "2026-01-04T00:00:00Z", deploy=False)
    assert newest_deploy(tmp_path) == tmp_path / "new" / "deploy.json"


def test_a_folder_without_such_a_study_is_said_to_be_one(tmp_path):
    add_study(tmp_path, "speech", "whisper_cpp", "2026-01-03T00:00:00Z")
    with pytest.raises(SystemExit, match="run python -m tuner sweep llm first"):
        newest_deploy(tmp_path)
