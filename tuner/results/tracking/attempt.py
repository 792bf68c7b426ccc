"""How long and how often a study waits for the tracking server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

Job = Callable[[float], None]
"""Called with the monotonic time at which it should stop by itself between two pieces of work."""


class BoundedJob:
    """Runs one job at a time in a thread and waits for it no longer than asked.

    Timeouts of HTTP clients do not cover everything: name resolution, a database that is locked, MLflow's own retries
    of a database connection. So the wait is bounded here. A job that overruns goes on in its thread (it waits for
    input, and costs no processor time), and no other is started before it ends.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    def run(self, job: Job, most_s: float) -> bool:
        """Wait for a job that overran, then start `job` and wait for it; True when it ended within `most_s`.

        Raises what the job raised, or what the one that overran did.
        """
        deadline = time.monotonic() + most_s
        if not self._wait(deadline):
            return False
        self._thread = threading.Thread(target=self._run, args=(job, deadline), name="tracking", daemon=True)
        self._thread.start()
        return self._wait(deadline)

    def _wait(self, deadline: float) -> bool:
        if self._thread is None:
            return True
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            return False
        self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error
        return True

    def _run(self, job: Job, deadline: float) -> None:
        try:
            job(deadline)
        except Exception as error:  # carried to the thread that waits, and raised there
            self._error = error


class Backoff:
    """Spaces attempts out while they fail."""

    def __init__(self, delays_s: Sequence[float], clock: Callable[[], float] = time.monotonic) -> None:
        self._delays_s, self._clock = delays_s, clock
        self.failures = 0
        self._retry_at = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time for an attempt."""
        return self.failures == 0 or self._clock() >= self._retry_at

    def failed(self) -> None:
        """An attempt has failed now."""
        self._retry_at = self._clock() + self._delays_s[min(self.failures, len(self._delays_s) - 1)]
        self.failures += 1

    def worked(self) -> None:
        """An attempt has worked: the next one is due at once."""
        self.failures = 0
