import argparse

import pytest

from benchmarks.journal import Journal
from benchmarks.record import record
from benchmarks.recorded_space import space_of
from benchmarks.recording import Recording
from search_spaces.errors import TunerError
from tuner.cli.config.compose import compose
from tuner.core.params import key
from tuner.measure.preparation import prepare

GRID = ["space.threads=choice(2,6)", "space.precision=choice(low,high)"]
FIXED = ["params.mode=a", "params.turbo=false", "params.scale=1.0", "tracking=false"]


def options(**changes):
    return argparse.Namespace(**{"rounds": 2, "seed": 0, "most": None, **changes})


def prepared_with(*overrides):
    return prepare(compose("llm", ["engine=fake", *GRID, *FIXED, *overrides]), lambda text: None)


def quiet(text):
    """Say nothing."""


@pytest.fixture(scope="module")
def prepared():
    return prepared_with("model.script=[{when: {threads: [2], precision: [low]}, do: out_of_memory}]")


def test_every_configuration_is_measured_with_rounds_quality_and_failures(prepared, tmp_path):
    recording = record(prepared, tmp_path / "a.json.gz", options(), quiet)
    assert {key(t.params) for t in recording.trials} == {key(p) for p in prepared.space.enumerate(100)}
    failed = [t for t in recording.trials if t.status != "ok"]
    assert [(t.params["threads"], t.params["precision"], t.status) for t in failed] == [(2, "low", "out_of_memory")]
    assert "99 GiB" in failed[0].reason
    for trial in (t for t in recording.trials if t.status == "ok"):
        assert len(trial.rounds) >= 3, "a warm-up and two rounds"
        assert trial.quality["kld"] == (0.2 if trial.params["precision"] == "low" else 0.0)
        assert trial.start_s > 0
        assert trial.rounds[0].metrics["decode_tokens_per_second"] > 0
    assert len(recording.repeats) == 1
    assert dict(recording.repeats[0].params) == dict(prepared.space.baseline)
    assert sum(t.quality_s > 0 for t in (*recording.repeats, *recording.trials)) == 2, "once for each precision"
    assert recording.about["hardware"]["class"]
    assert recording.engine == "fake"


def test_an_interrupted_recording_goes_on(prepared, tmp_path):
    out = tmp_path / "a.json.gz"
    first = record(prepared, out, options(most=2), quiet)
    assert len(first.trials) == 2
    journal = tmp_path / "a.json.gz.partial"
    journal.write_text(journal.read_text() + '\n["trial", {"params": {"thr')  # cut short by a kill
    whole = record(prepared, out, options(), quiet)
    assert len({key(t.params) for t in whole.trials}) == len(whole.trials) == 4
    assert whole.trials[0].to_json() == first.trials[0].to_json()
    assert not journal.exists()
    read = Recording.read(out)
    assert len(read.trials) == 4
    assert {key(p) for p in space_of(read).enumerate(100)} == {key(t.params) for t in read.trials}


def test_a_journal_of_another_grid_is_refused(prepared, tmp_path):
    out = tmp_path / "a.json.gz"
    record(prepared, out, options(most=1), quiet)
    with pytest.raises(TunerError, match="begun with something else"):
        record(prepared, out, options(seed=1), quiet)


def test_a_grid_without_end_is_refused(tmp_path):
    with pytest.raises(TunerError, match="more than"):
        record(prepare(compose("llm", ["engine=fake"]), quiet), tmp_path / "a.json.gz", options(), quiet)


def test_an_empty_journal_begins(tmp_path):
    assert Journal(tmp_path / "new" / "a.partial", {"digest": "1"}).read() == []
