"""A recogniser in a process of its own that can be given up: a clip may send it into minutes of fallbacks."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any

from engines.base import Model
from engines.recognition.audio import load_audio
from engines.recognition.clips import Passage
from engines.recognition.quality import Heard
from engines.recognition.session import RecogniserSession
from engines.registry import load_engine
from search_spaces.errors import TunerError
from search_spaces.parameter import Params
from tuner.measure.host.memory import own_peak_mib

_START_S = 120.0


def load_recogniser(engine: str, model: Model, params: Params) -> tuple[RecogniserSession, float]:
    """*In the process.* A loaded configuration, and what loading it took in seconds, the library's import left out."""
    chosen = load_engine(engine)
    chosen.capabilities()
    begin = time.perf_counter()
    session = chosen.open(model, params)
    assert isinstance(session, RecogniserSession), f"{engine} is no recogniser of ours"
    return session, time.perf_counter() - begin


@dataclass
class CappedRecogniser:
    """What `loads` in a process of its own, on `passages`. Use as a context manager.

    `load_s` is what the first load took, `peak_mib` the peak memory of its processes, `cpu_s` their CPU time so far.
    """

    loads: Callable[[], tuple[RecogniserSession, float]]
    passages: Sequence[Passage]
    load_s: float = 0.0
    peak_mib: float = 0.0
    cpu_s: float = 0.0
    _running: tuple[SpawnProcess, Connection] | None = field(default=None, init=False)
    _fresh: bool = field(default=True, init=False)

    def __enter__(self) -> CappedRecogniser:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        process, _ = self._started()
        assert process.pid is not None, "it was started"
        return process.pid

    def hear(self, at: int, cap_s: float) -> Heard | None:
        """Passage number `at`; None where there is no transcript after `cap_s` seconds, which ends the process.

        The first passage in a process is heard twice, and the second time counts. Raises TunerError where it fails.
        """
        heard = self._hear(at, cap_s)
        if heard is not None and self._fresh:
            self._fresh = False
            heard = self._hear(at, cap_s)
        return heard

    def _hear(self, at: int, cap_s: float) -> Heard | None:
        _, pipe = self._started()
        pipe.send(at)
        if not pipe.poll(cap_s):
            self._end()
            return None
        text, seconds, peak_mib = _answer(pipe)
        self.peak_mib = max(self.peak_mib, peak_mib)
        return Heard(text, seconds)

    def _started(self) -> tuple[SpawnProcess, Connection]:
        return self._running or self._start()

    def _start(self) -> tuple[SpawnProcess, Connection]:
        context = multiprocessing.get_context("spawn")
        pipe, its_end = context.Pipe()
        process = context.Process(target=_serve, args=(its_end, self.loads, list(self.passages)), daemon=True)
        process.start()
        its_end.close()
        self._running, self._fresh = (process, pipe), True
        if not pipe.poll(_START_S):
            raise TunerError(f"the recogniser did not load within {_START_S:g} s", "is the machine busy?")
        load_s, peak_mib = _answer(pipe)
        self.load_s, self.peak_mib = self.load_s or load_s, max(self.peak_mib, peak_mib)
        return self._running

    def _end(self) -> None:
        if self._running is None:
            return
        import psutil

        process, pipe = self._running
        if process.is_alive():
            times = psutil.Process(process.pid).cpu_times()
            self.cpu_s += times.user + times.system
            process.kill()
        process.join()
        pipe.close()
        self._running = None


def _answer(pipe: Connection) -> Any:
    """What the process says. Raises TunerError for its failure and for its death."""
    try:
        kind, answer = pipe.recv()
    except EOFError:
        raise TunerError("the recogniser's process died", "run it again: what was recorded is kept") from None
    if kind == "failed":
        raise TunerError(f"the recogniser failed: {answer}", "run it again: what was recorded is kept")
    return answer


def _serve(pipe: Connection, loads: Callable[[], tuple[RecogniserSession, float]], passages: Sequence[Passage]) -> None:
    """In the process: load, then answer one passage after the other until it is ended."""
    try:
        session, load_s = loads()
        pipe.send(("loaded", (load_s, own_peak_mib())))
        while True:
            audio = passages[pipe.recv()].load()
            load_audio.cache_clear()  # a sweep's process holds a few clips, and not all of these
            begin = time.perf_counter()
            text = session.hear(audio)
            seconds = time.perf_counter() - begin
            pipe.send(("heard", (text, seconds, own_peak_mib())))
    except EOFError:
        return
    except Exception as error:  # the process boundary: everything becomes an answer
        pipe.send(("failed", f"{type(error).__name__}: {error}"))
