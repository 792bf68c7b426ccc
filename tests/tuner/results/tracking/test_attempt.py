from __future__ import annotations

import threading

import pytest

from tuner.results.tracking.attempt import Backoff, BoundedJob


def test_waits_for_a_job_that_is_quick() -> None:
    done: list[float] = []
    assert BoundedJob().run(done.append, 60.0)
    assert len(done) == 1


def test_gives_up_on_a_job_that_hangs_and_starts_no_second_one() -> None:
    release, started = threading.Event(), []

    def hang(deadline: float) -> None:
        started.append(deadline)
        release.wait()

    jobs = BoundedJob()
    assert not jobs.run(hang, 0.1)
    assert not jobs.run(hang, 0.1)
    release.set()
    assert jobs.run(started.append, 60.0)
    assert len(started) == 2, "one of them hung"


def test_raises_what_the_job_raised() -> None:
    def fail(deadline: float) -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        BoundedJob().run(fail, 60.0)


def test_raises_later_what_an_overrunning_job_raised() -> None:
    release = threading.Event()

    def fail_late(deadline: float) -> None:
        release.wait()
        raise OSError("gone")

    jobs = BoundedJob()
    assert not jobs.run(fail_late, 0.05)
    release.set()
    with pytest.raises(OSError, match="gone"):
        jobs.run(lambda deadline: None, 60.0)
    assert jobs.run(lambda deadline: None, 60.0)


def test_attempts_are_spaced_out_while_they_fail() -> None:
    now = [100.0]
    backoff = Backoff((5.0, 20.0), clock=lambda: now[0])
    assert backoff.due
    waits = []
    for _ in range(4):
        backoff.failed()
        start = now[0]
        while not backoff.due:
            now[0] += 1.0
        waits.append(now[0] - start)
    assert waits == [5.0, 20.0, 20.0, 20.0]
    backoff.failed()
    backoff.worked()
    assert backoff.due
