"""Worker processes as the parent sees them: start, ask, time out, kill, and say why one died."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from search_spaces.errors import EnvironmentLackingError, NoAnswerError, TunerError
from tuner.core.trial import TrialStatus
from tuner.measure.loaded import RunFailedError

PREPARE_TIMEOUT_S = 3600.0
"""Between two lines of progress of a download, a conversion or a profile."""

ENGINE_OPERATIONS = frozenset({"capabilities", "open", "round", "quality", "prepare_quality"})
"""Those that load, warm or measure the engine (starting its process and library included); fetching and converting
models, done once, does not count."""
_STDERR_TAIL_LINES = 4
_STDERR_TAIL_BYTES = 4096
_CLOSE_S = 5.0
_LOOK_EVERY_S = 0.25
"""While it waits for an answer, the parent looks this often whether the process still runs."""
_END = object()


class WorkerFailedError(RunFailedError):
    """A worker did not answer a request. `fixable` is an error that the user or the environment can fix."""

    def __init__(self, status: TrialStatus, reason: str, fixable: TunerError | None = None) -> None:
        super().__init__(status, reason)
        self.fixable = fixable


class Worker:
    """One worker process, of this interpreter unless another is named.

    Use as a context manager: leaving it ends the process and everything it started.
    """

    def __init__(
        self, engine: str, progress: Callable[[str], None] | None = None, python: str = sys.executable
    ) -> None:
        self._progress = progress or (lambda text: None)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
        self._answers: queue.Queue[Any] = queue.Queue()
        self.engine_s = 0.0
        try:
            self._process = subprocess.Popen(
                [python, "-m", "tuner.measure.worker", engine],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                start_new_session=True,
            )
        except OSError:
            self._log.close()
            raise
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(gently=error is None)

    def ask(self, operation: str, timeout_s: float, **arguments: Any) -> Any:
        """The result of `operation`. Raises WorkerFailedError; `timeout_s` restarts with each line of progress."""
        begin = time.monotonic()
        try:
            self._send(json.dumps({"op": operation, **arguments}))
            return self._result(operation, timeout_s)
        finally:
            if operation in ENGINE_OPERATIONS:
                self.engine_s += time.monotonic() - begin

    def stop(self, gently: bool = False) -> None:
        """End the process; `gently` lets it close its session first. Its whole process group is killed after that."""
        if gently and self._process.poll() is None:
            with contextlib.suppress(WorkerFailedError):
                self.ask("close", _CLOSE_S)
        self._kill_group()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._log.close()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.wait()

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise self._death() from error

    def _read(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):  # closed under the reader by stop()
            for line in self._process.stdout:
                self._answers.put(line)
        self._answers.put(_END)

    def _result(self, operation: str, timeout_s: float) -> Any:
        while True:
            try:
                line = self._line(timeout_s)
            except queue.Empty:
                self._kill_group()
                reason = f"no answer to {operation!r} within {timeout_s:g} s"
                raise WorkerFailedError(TrialStatus.TIMED_OUT, reason) from None
            if line is _END:
                raise self._death()
            answer = self._parsed(line)
            if "progress" in answer:
                self._progress(str(answer["progress"]))
            elif "error" in answer:
                raise _failure(answer["error"])
            else:
                return answer["result"]

    def _line(self, timeout_s: float) -> Any:
        """The next line, or _END. Raises queue.Empty after `timeout_s`.

        A child that the worker has left behind keeps the pipe open, so that its end alone would not be noticed.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            ended = self._process.poll() is not None
            try:
                return self._answers.get(timeout=min(_LOOK_EVERY_S, max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                if ended:  # it had ended before the wait, in which its last words would have come
                    return _END
                if time.monotonic() >= deadline:
                    raise

    def _parsed(self, line: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(line)
            if not isinstance(answer, dict) or not answer.keys() & {"progress", "error", "result"}:
                raise ValueError("not an answer")
        except ValueError:
            self._kill_group()
            shown = line[:60].decode(errors="replace").strip()
            raise WorkerFailedError(TrialStatus.CRASHED, f"the worker's answer is garbage: {shown!r}") from None
        return answer

    def _death(self) -> WorkerFailedError:
        """Why the process is gone: the signal or exit status, and the last lines it wrote."""
        try:
            code = self._process.wait(timeout=_CLOSE_S)
        except subprocess.TimeoutExpired:
            self._kill_group()
            return WorkerFailedError(TrialStatus.CRASHED, "the worker closed its answers without ending")
        status, how = TrialStatus.CRASHED, f"ended with exit status {code}"
        if code == -signal.SIGKILL:
            status, how = TrialStatus.OUT_OF_MEMORY, "was killed by SIGKILL, as the system's out-of-memory killer does"
        elif code == -signal.SIGILL:
            how = "was killed by SIGILL: its library uses instructions that this machine refuses (make clean setup)"
        elif code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        tail = self._tail()
        return WorkerFailedError(status, f"the worker {how}" + (f"; its last words: {tail}" if tail else ""))

    def _tail(self) -> str:
        """The last lines of standard error, joined into one."""
        with contextlib.suppress(OSError, ValueError):
            size = self._log.seek(0, os.SEEK_END)
            self._log.seek(max(0, size - _STDERR_TAIL_BYTES))
            lines = self._log.read().decode(errors="replace").split("\n")
            return " | ".join([line.strip() for line in lines if line.strip()][-_STDERR_TAIL_LINES:])[-400:]
        return ""


def _failure(error: dict[str, Any]) -> WorkerFailedError:
    """A worker's error answer; `fixable` is set when it is one that the user or the environment can fix."""
    kinds = {2: TunerError, 3: EnvironmentLackingError, 1: NoAnswerError}
    fixable = None
    if "exit_status" in error:
        fixable = kinds[error["exit_status"]](error["message"], error["hint"])
    hint = f" ({error['hint']})" if error.get("hint") else ""
    return WorkerFailedError(TrialStatus(error["status"]), f"{error['message']}{hint}", fixable)


def ask(
    engine: str, operation: str, timeout_s: float, progress: Callable[[str], None] | None = None, **arguments: Any
) -> Any:
    """The result of one operation in a worker of its own. Raises TunerError."""
    with Worker(engine, progress) as worker:
        return ask_or_explain(worker, operation, timeout_s, **arguments)


def ask_or_explain(worker: Worker, operation: str, timeout_s: float, **arguments: Any) -> Any:
    """As `Worker.ask`, for work outside of a trial: a failure becomes a TunerError for the user."""
    try:
        return worker.ask(operation, timeout_s, **arguments)
    except WorkerFailedError as failure:
        if failure.fixable is not None:
            raise failure.fixable from None
        raise EnvironmentLackingError(
            f"the engine failed at {operation!r}: {failure.reason}",
            "run `python -m tuner doctor` for the state of its build",
        ) from None
