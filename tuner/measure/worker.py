"""The worker process: opens one engine and answers requests, one JSON document a line.

Requests arrive on standard input. Answers leave through a private copy of standard output, made before anything else
runs; the process's own standard output then points at standard error, so nothing that an engine prints can reach the
answers. The process ends when its parent does.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from engines.base import Capabilities, Engine, Inspectable, Model, ModelFile, Sample, Session, Workload
from engines.errors import InvalidOutputError, OutOfMemoryError, UnsupportedError
from engines.judgement import Judgement, QualityLimits
from engines.registry import load_engine
from search_spaces.errors import TunerError
from search_spaces.parameter import Params
from tuner.measure.answers import OpenAnswer, RoundAnswer, workload_from_json
from tuner.measure.host.memory import own_peak_mib
from tuner.measure.host.process_tree import adopt_orphans, has_children, waited_cpu_s

STATUS_OF_ERROR: tuple[tuple[type[BaseException], str], ...] = (
    (OutOfMemoryError, "out_of_memory"),
    (MemoryError, "out_of_memory"),
    (UnsupportedError, "unsupported"),
    (InvalidOutputError, "invalid_output"),
)

_PR_SET_PDEATHSIG = 1


class Operations:
    """What a worker can be asked. Each public method is an operation; arguments are JSON, results are or become it."""

    def __init__(self, engine: Engine, progress: Callable[[str], None]) -> None:
        self._engine = engine
        self._progress = progress
        self._session: Session | None = None
        self._workload: Workload | None = None

    def capabilities(self) -> Capabilities:
        """What the engine can do here."""
        return self._engine.capabilities()

    def resolve(self, model: Mapping[str, Any], workload: Mapping[str, Any]) -> dict[str, Any]:
        """The resolved `Model` and `Workload`."""
        resolved = self._engine.resolve_model(model, self._progress)
        items = self._engine.resolve_workload(workload, resolved, self._progress)
        return {"model": dataclasses.asdict(resolved), "workload": dataclasses.asdict(items)}

    def prepare(self, model: Mapping[str, Any], params: Params) -> ModelFile:
        """The model file of `params`, made where it did not exist."""
        return self._engine.prepare(Model(**model), params, self._progress)

    def prepare_quality(self, model: Mapping[str, Any], workload: Mapping[str, Any]) -> str | None:
        """Make the reference that quality is judged against; why nothing can be judged by it, if so."""
        return self._engine.prepare_quality(Model(**model), workload_from_json(workload), self._progress)

    def open(self, model: Mapping[str, Any], params: Params, workload: Mapping[str, Any], evict: str) -> OpenAnswer:
        """Load; the file named by `evict` is dropped from the page cache first, where the system allows it."""
        self._workload = workload_from_json(workload)
        evicted = bool(evict) and evict_from_page_cache(Path(evict))
        begin = time.perf_counter()
        self._session = self._engine.open(Model(**model), params)
        return OpenAnswer(time.perf_counter() - begin, evicted, own_peak_mib(), has_children())

    def round(self, deadline_s: float | None = None) -> RoundAnswer:
        """One pass over the workload. No further item is begun once `deadline_s` have passed."""
        session, workload = self._opened()
        begin, cpu_s = time.perf_counter(), _cpu_s()
        samples: list[Sample] = []
        for item in workload.items:
            samples.append(session.run(item))
            if deadline_s is not None and time.perf_counter() - begin > deadline_s:
                break
        wall_s = time.perf_counter() - begin
        return RoundAnswer(tuple(samples), wall_s, _cpu_s() - cpu_s, own_peak_mib(), has_children())

    def quality(self, limits: QualityLimits) -> Judgement:
        """The session, judged; it may end early where one of `limits` cannot be kept."""
        session, workload = self._opened()
        return session.quality(workload, limits)

    def in_force(self) -> dict[str, str]:
        """What is in force of the session's configuration; {} where the session cannot tell."""
        session, _ = self._opened()
        return dict(session.in_force()) if isinstance(session, Inspectable) else {}

    def profile(self) -> dict[str, Any]:
        """The session's profiles by file name; {} where it has none."""
        self._progress("profiling")
        session, workload = self._opened()
        return dict(session.profile(workload)) if isinstance(session, Inspectable) else {}

    def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _opened(self) -> tuple[Session, Workload]:
        if self._session is None or self._workload is None:
            raise RuntimeError("no session is open")
        return self._session, self._workload


def evict_from_page_cache(file: Path) -> bool:
    """Drop the pages of a file, or of those in a folder, from the system's cache; False where that cannot be asked for.

    Folders in it are left alone.
    """
    if not hasattr(os, "posix_fadvise"):
        return False
    try:
        for one in filter(Path.is_file, file.iterdir()) if file.is_dir() else [file]:
            with one.open("rb") as handle:
                os.fsync(handle.fileno())
                os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError:
        return False
    return True


def _cpu_s() -> float:
    return time.process_time() + waited_cpu_s()


def serve(engine: Engine, requests: queue.Queue[str], answers: TextIO) -> None:
    """Answer requests until there are no more."""

    def send(message: Mapping[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    operations = Operations(engine, lambda text: send({"progress": text}))
    while line := requests.get():
        request = json.loads(line)
        operation = getattr(operations, request.pop("op"))
        try:
            send({"result": _as_json(operation(**request))})
        except (Exception, MemoryError) as error:  # the process boundary: everything becomes an answer
            send({"error": describe(error)})


def _as_json(result: Any) -> Any:
    known = dataclasses.is_dataclass(result) and not isinstance(result, type)
    return dataclasses.asdict(result) if known else result


def describe(error: BaseException) -> dict[str, Any]:
    """An exception as the parent needs it: a trial status, the text, and whether the user can fix it."""
    status = next((status for kind, status in STATUS_OF_ERROR if isinstance(error, kind)), "crashed")
    if isinstance(error, TunerError):
        expected = {"hint": error.hint, "exit_status": error.exit_status}
        return {"status": status, "message": error.message, **expected}
    return {"status": status, "message": f"{type(error).__name__}: {error}".strip().rstrip(":")}


def _end_with_parent(requests: queue.Queue[str]) -> None:
    """Read requests on a thread; the end of standard input means that the parent is gone or done."""
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


def main() -> None:
    """Entry point: `python -m tuner.measure.worker ENGINE`."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    adopt_orphans()
    requests: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_end_with_parent, args=(requests,), daemon=True).start()
    serve(load_engine(sys.argv[1]), requests, answers)


if __name__ == "__main__":
    main()
