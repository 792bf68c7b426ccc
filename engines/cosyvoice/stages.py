"""How long each stage of a request takes: front end, LLM, flow, vocoder. And what becomes of a stage that fails.

The LLM runs in a thread of its own beside the other stages, so their times may add up to more than the request's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

FRONT_END, LLM, FLOW, VOCODER = "front_end", "llm", "flow", "vocoder"
STAGES = (FRONT_END, LLM, FLOW, VOCODER)
_READING = ("text_normalize", "frontend_zero_shot", "frontend_instruct2", "frontend_vc")


class Stages:
    """Times the stages of a loaded model. On a GPU the flow and the vocoder are timed there, by events.

    `collect` gives what was added since it was called last: `front_end_s`, `llm_s`, `flow_s`, `vocoder_s`, and
    `llm_tokens`. `tokens` are the speech tokens of each piece that was spoken since `forget`.
    """

    def __init__(self, torch: Any, model: Any, front_end: Any) -> None:
        self._torch, self._cuda = torch, model.device.type == "cuda"
        self._lock, self._inside = threading.Lock(), threading.local()
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self._events: list[tuple[str, Any, Any]] = []
        self._token_count = 0
        self._failures: list[BaseException] = []
        self.tokens: list[Any] = []
        for name in _READING if front_end is not None else ():
            setattr(front_end, name, self._timed(FRONT_END, getattr(front_end, name)))
        model.flow.inference = self._on_device(FLOW, model.flow.inference)
        model.hift.inference = self._on_device(VOCODER, model.hift.inference)
        model.llm.inference = self._counted(model.llm.inference)
        model.llm_job = self._guarded(model, model.llm_job)
        model.token2wav = self._remembered(model.token2wav)

    def collect(self) -> dict[str, float]:
        """Seconds by stage and tokens since the last call."""
        if self._events:
            self._torch.cuda.synchronize()
        with self._lock:
            for stage, begin, end in self._events:
                self._seconds[stage] += begin.elapsed_time(end) / 1e3
            found = {f"{stage}_s": seconds for stage, seconds in self._seconds.items()}
            found["llm_tokens"] = float(self._token_count)
            self._seconds, self._token_count = dict.fromkeys(STAGES, 0.0), 0
            self._events.clear()
        return found

    def forget(self) -> None:
        """Begin a request."""
        self.tokens.clear()
        self._failures.clear()

    def raise_failure(self) -> None:
        """Raise what the LLM's thread failed with: the repository lets it pass unseen."""
        if self._failures:
            raise self._failures[0]

    def _add(self, stage: str, seconds: float) -> None:
        with self._lock:
            self._seconds[stage] += seconds

    def _timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wall time; of calls within each other the outermost counts."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            if getattr(self._inside, stage, False):
                return function(*args, **kwargs)
            setattr(self._inside, stage, True)
            begin = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                setattr(self._inside, stage, False)
                self._add(stage, time.perf_counter() - begin)

        return timed

    def _on_device(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        if not self._cuda:
            return self._timed(stage, function)

        def timed(*args: Any, **kwargs: Any) -> Any:
            begin, end = (self._torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            result = function(*args, **kwargs)
            end.record()
            with self._lock:
                self._events.append((stage, begin, end))
            return result

        return timed

    def _counted(self, function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def counted(*args: Any, **kwargs: Any) -> Iterator[Any]:
            begin, count = time.perf_counter(), 0
            for token in function(*args, **kwargs):
                count += 1
                yield token
            self._add(LLM, time.perf_counter() - begin)
            with self._lock:
                self._token_count += count

        return counted

    def _guarded(self, model: Any, function: Callable[..., Any]) -> Callable[..., Any]:
        """An LLM that fails ends its request: streaming would wait for its tokens for ever."""

        def guarded(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except BaseException as error:  # a thread's end: the request's own thread raises it
                self._failures.append(error)
                model.llm_end_dict[kwargs["uuid"] if "uuid" in kwargs else args[-1]] = True

        return guarded

    def _remembered(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def remembered(*args: Any, **kwargs: Any) -> Any:
            self.raise_failure()
            if kwargs.get("finalize"):
                self.tokens.append(kwargs["token"])
            return function(*args, **kwargs)

        return remembered
