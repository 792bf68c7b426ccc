"""A machine of the test's own for studies of fake engines: no process starts, nobody else uses it, its clock is told.

Its workers answer in this process what real ones would (`tests/tuner/measure/test_worker_process.py` shows those), its
rounds are never disturbed, and the noise of each load is drawn from the number of the load. So what a study finds is
the same in each run, whatever the real machine does meanwhile.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from engines.fake import engine as fake
from engines.registry import load_engine
from tuner.core.trial import TrialStatus
from tuner.measure.host.host_noise import HostNoise
from tuner.measure.worker import Operations, _as_json, describe
from tuner.measure.worker_process import WorkerFailedError, _failure

LOAD_S = 0.05
"""How long a load takes, give or take a few hundredths of it: no two in a row take the same."""
TICK_S = 1e-4
"""By how much the clock goes on each time that somebody looks at it: what takes no time takes a little."""
DEATHS = {
    "segfault": (TrialStatus.CRASHED, "the worker was killed by SIGSEGV; its last words: about to fault"),
    "kill": (TrialStatus.OUT_OF_MEMORY, "the worker was killed by SIGKILL, as the system's out-of-memory killer does"),
    "exit": (TrialStatus.CRASHED, "the worker ended with exit status 3"),
    "hang": (TrialStatus.TIMED_OUT, "no answer within the timeout"),
}
"""How the parent of a real worker tells of each fault that ends one."""


class Clock:
    """Seconds that pass when something sleeps, and a little with each look."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        self.now_s += TICK_S
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class SimulatedWorker:
    """Does what `Worker` does, without a process."""

    pid = os.getpid()

    def __init__(self, engine: str, progress: Callable[[str], None] | None = None) -> None:
        self._operations = Operations(load_engine(engine), progress or (lambda text: None))
        self.engine_s = 0.0

    def __enter__(self) -> SimulatedWorker:
        return self

    def __exit__(self, *ended: object) -> None:
        pass

    def ask(self, operation: str, timeout_s: float, **arguments: Any) -> Any:
        """The result of `operation`, as JSON would carry it. Raises WorkerFailedError."""
        try:
            answer = getattr(self._operations, operation)(**json.loads(json.dumps(arguments)))
        except WorkerFailedError:
            raise
        except Exception as error:
            raise _failure(describe(error)) from None
        return json.loads(json.dumps(_as_json(answer)))


def dies(faults: frozenset[str]) -> None:
    """In place of the fault that would end this process."""
    for fault in DEATHS.keys() & faults:
        raise WorkerFailedError(*DEATHS[fault])
    still_alive(faults)


still_alive = fake._fault_while_running


def simulate(monkeypatch: Any) -> Clock:
    """Let studies of the fake engine run on a simulated machine for as long as the patch lasts."""
    clock, loads = Clock(), itertools.count()

    def load() -> int:
        number = next(loads)
        clock.sleep(LOAD_S * (1 + number % 7 / 100))
        return number

    monkeypatch.setattr(fake, "which_load", load)
    monkeypatch.setattr(fake, "_fault_while_running", dies)
    for module in ("tuner.measure.worker_loader", "tuner.measure.preparation"):
        monkeypatch.setattr(f"{module}.Worker", SimulatedWorker)
    monkeypatch.setattr(
        "tuner.measure.worker_loader.NoiseWatch", lambda pid: SimpleNamespace(stop=lambda cpu_s: HostNoise())
    )
    for name, stand_in in (("monotonic", clock), ("perf_counter", clock), ("sleep", clock.sleep)):
        monkeypatch.setattr(f"time.{name}", stand_in)
    return clock
