from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search_spaces.errors import TunerError
from tests.tuner.results.tracking.stores import Recorded, config, run_study, watched
from tests.tuner.synthetic import OBJECTIVE, TRIALS, outcome, study_info, write_study
from tuner.core.deploy import TrackingRun
from tuner.results.tracking import make_tracker
from tuner.results.tracking.store import MlflowStore, without_password

ROOT = Path(__file__).resolve().parents[4]


def assert_logged_once(store: Recorded) -> None:
    """One parent, one complete run per trial with its values, and no point of a metric twice."""
    (parent,) = store.parents()
    trials = store.trials()
    assert list(trials) == [trial.number for trial in TRIALS]
    for trial in TRIALS:
        (run,) = trials[trial.number]
        assert run.data.tags["status"] == trial.status.value
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.info.status != "RUNNING"
        assert run.data.params["n_threads"] == str(trial.params["n_threads"])
        assert run.data.metrics.get(OBJECTIVE) == trial.value(OBJECTIVE)
        if trial.value(OBJECTIVE) is not None:
            assert len(store.history(run.info.run_id, OBJECTIVE)) == 1
    assert [step for step, _ in store.history(parent.info.run_id, f"best/{OBJECTIVE}")] == list(range(len(TRIALS)))


def test_a_study_is_a_parent_run_with_a_run_per_trial(store: Recorded, tmp_path: Path) -> None:
    study = write_study(tmp_path / "study")
    run = run_study(store.uri, study)
    assert_logged_once(store)
    (parent,) = store.parents()
    assert run.notices == []
    assert run.tracker.tracking == TrackingRun(store.uri, parent.info.run_id)
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["verdict"] == "gain"
    assert parent.data.metrics["ratio_to_baseline"] == 1.75
    expected = {"study.yaml", "deploy.json", "tournament.json", "configuration.json", "hardware.json"}
    assert expected <= store.files(parent.info.run_id)
    (best,) = store.trials()[5]
    assert store.files(best.info.run_id, "samples") == {"samples/005.json"}


def test_a_run_spans_the_time_of_its_trial(store: Recorded, tmp_path: Path) -> None:
    run_study(store.uri, tmp_path)
    (run,) = store.trials()[5]
    assert run.info.end_time - run.info.start_time == 5000


def test_standard_streams_stay_clean(store: Recorded, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_study(store.uri, tmp_path)
    assert capfd.readouterr() == ("", "")


def test_resuming_a_finished_study_logs_nothing_twice(store: Recorded, tmp_path: Path) -> None:
    run_study(store.uri, tmp_path)
    run_study(store.uri, tmp_path, finished=TRIALS)
    assert_logged_once(store)


def test_trials_of_earlier_runs_that_were_not_logged_are(store: Recorded, tmp_path: Path) -> None:
    run_study(store.uri, tmp_path, finished=TRIALS[:5])
    assert_logged_once(store)


def test_the_parent_runs_while_the_study_does(store: Recorded, tmp_path: Path) -> None:
    run = watched(store.uri)
    for finished in ((), TRIALS):
        run.tracker.study_started(study_info(tmp_path, finished))
        (parent,) = store.parents()
        assert parent.info.status == "RUNNING"
        run.tracker.study_finished(outcome(verdict="interrupted", deploy=None))
        (parent,) = store.parents()
        assert (parent.info.status, parent.data.tags["verdict"]) == ("KILLED", "interrupted")


class Killed(BaseException):
    """Stands for kill -9: nothing that the tracker does can catch it."""


def kill_before_write(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Die before the `number`-th write to MLflow or to the ledger."""
    from mlflow import MlflowClient

    from tuner.results.tracking.ledger import Ledger

    writes = 0

    def mortal(original: Callable[..., Any]) -> Callable[..., Any]:
        def write(*args: Any, **kwargs: Any) -> Any:
            nonlocal writes
            writes += 1
            if writes >= number:
                raise Killed  # a dead process writes nothing any more
            return original(*args, **kwargs)

        return write

    for name in ("create_experiment", "create_run", "log_batch", "set_terminated"):
        monkeypatch.setattr(MlflowClient, name, mortal(getattr(MlflowClient, name)))
    monkeypatch.setattr(Ledger, "save", mortal(Ledger.save))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("number", range(1, 12))
def test_a_kill_between_any_two_writes_loses_and_doubles_nothing(
    store: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with monkeypatch.context() as patched:
        kill_before_write(patched, number)
        run = watched(store.uri)
        run.tracker.study_started(study_info(tmp_path))
        for trial in TRIALS[:3]:
            run.tracker.trial_finished(trial)
    run_study(store.uri, tmp_path, finished=TRIALS[:3])
    assert_logged_once(store)


WRITER = """
import sys
from pathlib import Path
from tests.tuner.synthetic import TRIALS, study_info
from tests.tuner.results.tracking.stores import watched
tracker = watched(sys.argv[1]).tracker
tracker.study_started(study_info(Path(sys.argv[2])))
print("started", flush=True)
for trial in TRIALS:
    tracker.trial_finished(trial)
    print(trial.number, flush=True)
"""


@pytest.mark.parametrize("logged", [0, 3])
def test_kill_9_of_a_real_process(store: Recorded, tmp_path: Path, logged: int) -> None:
    command = [sys.executable, "-c", WRITER, store.uri, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment) as process:
        assert process.stdout is not None
        for _ in range(1 + logged):
            assert process.stdout.readline()
        time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    run_study(store.uri, tmp_path, finished=TRIALS[:5])
    assert_logged_once(store)


def test_a_parent_that_the_user_deleted_is_made_anew(store: Recorded, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    first = run_study(store.uri, tmp_path)
    client = MlflowClient(store.uri)
    for run in store.runs():
        client.delete_run(run.info.run_id)
    second = run_study(store.uri, tmp_path, finished=TRIALS)
    assert_logged_once(store)
    assert first.tracker.tracking.run_id != second.tracker.tracking.run_id


def test_a_trial_run_that_is_gone_is_logged_again(store: Recorded, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    run_study(store.uri, tmp_path)
    MlflowClient(store.uri).delete_run(store.trials()[5][0].info.run_id)
    run_study(store.uri, tmp_path, finished=TRIALS)
    assert_logged_once(store)


def test_going_to_another_store_and_back_doubles_nothing(store: Recorded, empty_database: Path, tmp_path: Path) -> None:
    other = Recorded(f"sqlite:///{tmp_path / 'other.db'}")
    (tmp_path / "other.db").write_bytes(empty_database.read_bytes())
    for uri in (store.uri, other.uri, store.uri):
        run_study(uri, tmp_path, finished=TRIALS[:4])
    assert_logged_once(store)
    assert_logged_once(other)


def test_one_trial_costs_few_calls(store: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    calls: list[str] = []
    for name in ("create_run", "log_batch", "log_metric", "log_param", "set_tag", "set_terminated", "log_artifact"):
        original = getattr(MlflowClient, name)

        def counted(*args: Any, _name: str = name, _original: Callable[..., Any] = original, **kwargs: Any) -> Any:
            calls.append(_name)
            return _original(*args, **kwargs)

        monkeypatch.setattr(MlflowClient, name, counted)
    run = watched(store.uri)
    study = write_study(tmp_path / "study")
    run.tracker.study_started(study_info(study))
    calls.clear()
    run.tracker.trial_finished(TRIALS[0])
    assert sorted(calls) == ["create_run", "log_artifact", "log_batch", "log_batch", "set_terminated"]


def test_nothing_is_written_while_rounds_are_measured(
    store: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = watched(store.uri)
    run.tracker.study_started(study_info(tmp_path))

    def forbidden(*args: object) -> None:
        raise AssertionError("a round was disturbed")

    monkeypatch.setattr("tuner.results.tracking.attempt.BoundedJob.run", forbidden)
    run.tracker.progress("quantizing")
    run.tracker.trial_started(0, {}, "baseline")
    run.tracker.round_finished(0, 1, 100.0)
    run.tracker.tournament_progress([], 1, 8)
    run.tracker.notice("disturbed")


def test_a_study_folder_that_cannot_be_written_is_told_and_survived(store: Recorded, tmp_path: Path) -> None:
    run = run_study(store.uri, tmp_path / "gone")
    assert "cannot be used" in run.notices[0]
    assert "No such file or directory" in run.notices[0]
    assert "MLflow lacks 8 of 8 trials" in run.notices[-1]


def test_files_that_cannot_be_stored_do_not_keep_results_out(
    store: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    def no_bucket(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied", "/remote/mlruns")

    monkeypatch.setattr(MlflowClient, "log_artifact", no_bucket)
    run = run_study(store.uri, write_study(tmp_path / "study"))
    assert_logged_once(store)
    assert len(run.notices) == 1
    assert "not the files" in run.notices[0]
    assert "Permission denied" in run.notices[0]


def test_a_run_that_mlflow_refuses_does_not_block_the_others(
    store: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tuner.results.tracking.records import RunRecord
    from tuner.results.tracking.store import RefusedError

    original = MlflowStore.fill_trial

    def refuse_third(self: MlflowStore, run_id: str, record: RunRecord) -> None:
        if record.tags["tuner.core.trial"] == "3":
            raise RefusedError("Param value is too odd")
        original(self, run_id, record)

    monkeypatch.setattr(MlflowStore, "fill_trial", refuse_third)
    run = run_study(store.uri, tmp_path)
    assert run.notices == ["MLflow refused trial 3: Param value is too odd"]
    assert store.parents()[0].data.tags["verdict"] == "gain"


def test_an_exception_of_a_plug_in_ends_tracking_and_not_the_sweep(
    store: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BucketError(Exception):
        pass

    def fail(*args: object, **kwargs: object) -> None:
        raise BucketError("no credentials")

    monkeypatch.setattr(MlflowStore, "open_trial", fail)
    run = run_study(store.uri, tmp_path)
    assert len(run.notices) == 2
    assert "BucketError: no credentials" in run.notices[0]
    assert "off for this run" in run.notices[0]


def test_off_means_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = run_study("", tmp_path)
    assert run.tracker.tracking == TrackingRun()
    assert run.notices == []
    assert list(tmp_path.iterdir()) == []


def test_the_default_is_mlflows_own(store: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run = run_study(None, tmp_path)
    assert Path(run.tracker.tracking.tracking_uri.removeprefix("sqlite:///")) == tmp_path / "mlflow.db"
    assert_logged_once(store)


def test_the_environment_names_the_store(store: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    assert run_study(None, tmp_path).tracker.tracking.tracking_uri == store.uri


@pytest.mark.parametrize("uri", ["htp://localhost:5000", "localhost:5000", "C:\\runs", "redis://x"])
def test_an_unknown_kind_of_store_is_refused_at_once(uri: str) -> None:
    with pytest.raises(TunerError, match=r"tracking\.uri") as caught:
        make_tracker(config(uri))
    assert "sqlite:///" in caught.value.hint


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql+psycopg2://me:secret@db/mlflow", "postgresql+psycopg2://me@db/mlflow"),
        ("https://me:se:cret@host:5000/x", "https://me@host:5000/x"),
        ("http://host:5000/a:b@c", "http://host:5000/a:b@c"),
        ("sqlite:////tmp/x.db", "sqlite:////tmp/x.db"),
    ],
)
def test_no_password_is_written_down(uri: str, shown: str) -> None:
    assert without_password(uri) == shown


def test_nothing_heavy_is_imported_before_a_study_starts() -> None:
    code = (
        "import sys; from tests.tuner.results.tracking.stores import watched; watched(None);"
        "print([m for m in ('mlflow', 'optuna', 'matplotlib', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
