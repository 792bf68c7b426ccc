"""The record of trials: what is told is read back, whatever a kill or a lost storage leaves."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from search_spaces.errors import EnvironmentLackingError, TunerError
from search_spaces.parameter import Choices, IntRange, Parameter
from search_spaces.space import SearchSpace
from tuner.core.objective import Objective
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.results.record import UNTOLD, StudyRecord, read_results, record_name
from tuner.results.storage import JOURNAL, open_storage
from tuner.search.optuna_trials import STATUS

SPEED = Objective("decode_tokens_per_second")
KNOBS = (Parameter("threads", IntRange(1, 8), 2), Parameter("mode", Choices(("a", "b", True)), "a"))
SPACE = SearchSpace("made up", KNOBS, (), {}, {"threads": 16, "mode": "a"}, {})


def record_in(folder: Path, url: str = "") -> StudyRecord:
    return StudyRecord("mine-0a1b", [SPEED], SPACE, folder, url)


def measured(number: int, speed: float, **changes) -> TrialResult:
    params = {"threads": 2, "mode": "a"}
    result = TrialResult(
        number, params, TrialStatus.OK, metrics={SPEED.metric: MetricValue(speed, (speed - 1, speed + 1), "tok/s")}
    )
    return replace(result, **changes)


def tell(record: StudyRecord, result: TrialResult) -> TrialResult:
    asked = record.begin(result.params, result.purpose, result.repeat_of)
    result = replace(result, number=asked.spec.number)
    record.end(asked, result)
    return result


RESULTS = (
    measured(0, 10.0, params={"threads": 16, "mode": "a"}, purpose="baseline"),
    measured(1, 20.0, params={"threads": 4, "mode": True}),
    TrialResult(2, {"threads": 8, "mode": "b"}, TrialStatus.CRASHED, "it fell"),
    measured(3, 5.0, status=TrialStatus.PRUNED, params={"threads": 1, "mode": "b"}),
    measured(4, 30.0, status=TrialStatus.INFEASIBLE, violations={"kld": 0.5}, params={"threads": 3, "mode": "b"}),
    measured(5, 19.0, purpose="repeat", repeat_of=1, pace=0.9, params={"threads": 4, "mode": True}),
)


@pytest.mark.parametrize("url", ["", "sqlite:///{folder}/trials.db"])
def test_what_is_told_is_read_back_whole_and_in_order(tmp_path: Path, url: str) -> None:
    record = record_in(tmp_path, url.format(folder=tmp_path))
    for result in RESULTS:
        tell(record, result)
    assert record.results() == list(RESULTS)
    assert read_results("mine-0a1b", tmp_path, url.format(folder=tmp_path)) == list(RESULTS)


def test_optuna_sees_values_states_and_constraints(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    for result in RESULTS:
        tell(record, result)
    trials = optuna.load_study(study_name="mine-0a1b", storage=open_storage("", tmp_path)).trials
    assert [t.state.name for t in trials] == ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED", "COMPLETE", "COMPLETE"]
    assert trials[1].params == {"threads": 4, "mode": True}
    assert trials[0].params == {"mode": "a"}, "16 threads are the default's, and outside of what is searched"
    assert trials[5].value == pytest.approx(19.0 / 0.9), "what ranks is at the machine's first pace"
    assert record.study.best_trial.number == 5, "an infeasible trial never is the best, nor one that failed"
    assert trials[2].user_attrs[STATUS] == "crashed"


def test_rounds_are_reported(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    asked = record.begin({"threads": 2, "mode": "a"}, "search")
    record.report(asked, 1, 9.0)
    record.report(asked, 2, 9.5)
    record.end(asked, measured(0, 9.5))
    assert record.study.trials[0].intermediate_values == {1: 9.0, 2: 9.5}


def test_a_trial_that_was_told_its_result_but_not_its_state_is_finished(tmp_path: Path, monkeypatch) -> None:
    record = record_in(tmp_path)
    tell(record, RESULTS[0])
    monkeypatch.setattr("tuner.search.optuna_trials.finish", lambda *arguments: None)  # as after a kill in between
    tell(record, RESULTS[1])
    monkeypatch.undo()
    again = record_in(tmp_path)
    assert len(again.results()) == 1
    again.recover()
    assert again.results() == list(RESULTS[:2])
    assert again.study.trials[1].value == 20.0


def test_what_was_killed_in_flight_failed_and_is_counted(tmp_path: Path) -> None:
    deadly = {"threads": 8, "mode": "b"}
    for times in range(3):
        record = record_in(tmp_path)
        record.recover()
        assert record.killed_in_a_row() == ((deadly, times) if times else ({}, 0))
        record.begin(deadly, "search")
    record = record_in(tmp_path)
    record.recover()
    assert record.killed_in_a_row() == (deadly, 3)
    tell(record, RESULTS[1])
    assert record.killed_in_a_row() == ({}, 0)


def test_what_the_user_interrupted_counts_as_never_tried(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    record.abandon(record.begin({"threads": 8, "mode": "b"}, "search"))
    assert record.killed_in_a_row() == ({}, 0)
    assert record.results() == []


def test_a_trial_of_another_living_process_is_left_alone(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        from pathlib import Path
        from tests.tuner.results.test_record import record_in
        record_in(Path({str(tmp_path)!r})).begin({{"threads": 8, "mode": "b"}}, "search")
        print("begun", flush=True)
        input()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "begun\n"
        record = record_in(tmp_path)
        record.recover()
        assert record.study.trials[0].state.name == "RUNNING"
        other.kill()
    record.recover()
    assert record.study.trials[0].state.name == "FAIL"


def test_a_line_that_a_kill_cut_short_is_cut_off(tmp_path: Path) -> None:
    tell(record_in(tmp_path), RESULTS[0])
    with (tmp_path / JOURNAL).open("ab") as journal:
        journal.write(b'{"op_code": 4, "wor')
    record = record_in(tmp_path)
    tell(record, RESULTS[1])
    assert record.results() == list(RESULTS[:2]) == read_results("mine-0a1b", tmp_path)


def test_a_lock_that_a_killed_writer_left_holds_nobody_up(tmp_path: Path) -> None:
    record_in(tmp_path)
    (tmp_path / f"{JOURNAL}.lock").symlink_to("nowhere")  # Optuna's own
    (tmp_path / f".{JOURNAL}.lock").write_text("")
    tell(record_in(tmp_path), RESULTS[0])


def test_a_journal_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text("not json\n{}\n")
    with pytest.raises(TunerError, match="is not a journal of trials"):
        record_in(tmp_path)


def test_a_result_that_the_storage_was_not_told_is_told_when_it_is_back(tmp_path: Path, monkeypatch) -> None:
    url = f"sqlite:///{tmp_path}/trials.db"
    record = record_in(tmp_path, url)
    asked = record.begin(RESULTS[1].params, "search")

    def gone(*arguments):
        raise optuna.exceptions.StorageInternalError("database is locked")

    monkeypatch.setattr("tuner.search.optuna_trials.tell", gone)
    with pytest.raises(EnvironmentLackingError, match="database is locked"):
        record.end(asked, replace(RESULTS[1], number=0))
    monkeypatch.undo()
    assert (tmp_path / UNTOLD).exists()
    again = record_in(tmp_path, url)
    again.recover()
    (kept,) = again.results()
    assert (kept.params, kept.metrics) == (RESULTS[1].params, RESULTS[1].metrics)
    assert not (tmp_path / UNTOLD).exists()


@pytest.mark.parametrize(
    ("url", "error", "match"),
    [
        ("trials.db", TunerError, "is no database URL"),
        ("http://host/x", TunerError, "is no database URL"),
        ("postgresql+psycopg://me:secret@host/db", TunerError, r"me:\*\*\*@host.* password"),
        ("sqlite:////nowhere/at/all/trials.db", EnvironmentLackingError, "unable to open database file"),
    ],
)
def test_a_storage_that_cannot_be_is_one_line(tmp_path: Path, url: str, error: type[TunerError], match: str) -> None:
    with pytest.raises(error, match=match) as caught:
        open_storage(url, tmp_path)
    assert "secret" not in caught.value.message
    assert "\n" not in caught.value.message


def test_studies_share_a_storage_by_their_names() -> None:
    assert record_name("mine", "0123456789ab") == "mine-01234567"
    assert record_name("llm-x-01234567", "0123456789ab") == "llm-x-01234567"


def test_reading_leaves_no_trace(tmp_path: Path) -> None:
    assert read_results("mine-0a1b", tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_what_a_user_enqueued_is_neither_taken_for_something_else_nor_failed(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    record.study.enqueue_trial({"threads": 7, "mode": "b"})
    tell(record, RESULTS[1])
    record.recover()
    assert [t.state.name for t in record.study.trials] == ["WAITING", "COMPLETE"]
    assert record.study.trials[1].params == RESULTS[1].params


@pytest.mark.parametrize("step", ["tell", "finish"])
def test_a_result_is_kept_once_at_whatever_step_the_storage_is_lost(tmp_path: Path, monkeypatch, step: str) -> None:
    record = record_in(tmp_path)
    asked = record.begin(RESULTS[1].params, "search")

    def gone(*arguments):
        raise optuna.exceptions.StorageInternalError("gone")

    monkeypatch.setattr(f"tuner.search.optuna_trials.{step}", gone)
    for lost in (lambda: record.end(asked, replace(RESULTS[1], number=0)), record_in(tmp_path).recover):
        with pytest.raises(EnvironmentLackingError, match="gone"):  # as the storage is, and then once more
            lost()
    monkeypatch.undo()
    record_in(tmp_path).recover()
    assert record_in(tmp_path).results() == [replace(RESULTS[1], number=0)]
    assert [t.state.name for t in record.study.trials] == ["COMPLETE"]


def test_a_write_that_a_full_disk_cut_short_spoils_no_later_one(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        import resource
        from pathlib import Path
        from search_spaces.errors import EnvironmentLackingError
        from tests.tuner.results.test_record import RESULTS, record_in, tell
        from tuner.results.storage import JOURNAL
        folder = Path({str(tmp_path)!r})
        record = record_in(folder)
        tell(record, RESULTS[0])
        asked = record.begin(RESULTS[1].params, "search")
        most = (folder / JOURNAL).stat().st_size + 20
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        try:
            record.report(asked, 1, 3.0)
        except EnvironmentLackingError as error:
            print(error.message)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        record.abandon(asked)
    """)
    pytest.importorskip("resource")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("the study's storage cannot be written")
    record = record_in(tmp_path)
    assert record.results() == [RESULTS[0]]
    assert record.study.trials[1].state.name == "FAIL"


def test_a_study_that_is_deleted_meanwhile_is_one_line(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    optuna.delete_study(study_name="mine-0a1b", storage=open_storage("", tmp_path))
    with pytest.raises(EnvironmentLackingError, match="it was deleted meanwhile"):
        record.begin(RESULTS[1].params, "search")


def test_a_folder_has_one_driver_whatever_the_machine_was_called(tmp_path: Path, monkeypatch) -> None:
    """A container that is started anew has another name; where machines share a database, another one may drive."""
    for url, state in (("", "FAIL"), (f"sqlite:///{tmp_path}/trials.db", "RUNNING")):
        monkeypatch.setattr("tuner.results.record.socket.gethostname", lambda: "before")
        record_in(tmp_path, url).begin(RESULTS[1].params, "search")
        monkeypatch.setattr("tuner.results.record.socket.gethostname", lambda: "after")
        record = record_in(tmp_path, url)
        record.recover()
        assert record.study.trials[0].state.name == state


def test_a_connection_that_was_closed_meanwhile_is_opened_anew(tmp_path: Path) -> None:
    record = record_in(tmp_path, f"sqlite:///{tmp_path}/trials.db")
    assert record.study._storage._backend.engine.pool._pre_ping
