"""From the samples of one round to the round's metrics, task by task."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence

from engines.base import Sample
from engines.errors import InvalidOutputError
from tuner.core.stats import percentile

RoundMetrics = Callable[[Sequence[Sample]], dict[str, float]]


def round_metrics(task: str, samples: Sequence[Sample]) -> dict[str, float]:
    """The metrics of one round. Raises InvalidOutputError where a sample is not one that could be deployed."""
    for sample in samples:
        _check(sample)
    return _BY_TASK[task](samples)


def _check(sample: Sample) -> None:
    times = (*sample.output_times_s, sample.done_s)
    if not all(math.isfinite(t) for t in (*times, sample.units_in, sample.units_out)):
        raise InvalidOutputError(f"item {sample.item_id!r} has a time or a length that is not a finite number")
    if not sample.output_times_s or sample.units_out <= 0:
        raise InvalidOutputError(f"item {sample.item_id!r} has no output")
    if list(times) != sorted(times) or times[0] < 0:
        raise InvalidOutputError(f"the times of item {sample.item_id!r} run backwards")


def _llm(samples: Sequence[Sample]) -> dict[str, float]:
    """Pooled over the round's items: a sum of tokens over a sum of seconds, so long answers weigh more."""
    first = [s.output_times_s[0] for s in samples]
    decode_s = sum(s.output_times_s[-1] - s.output_times_s[0] for s in samples)
    decoded = sum(s.units_out - 1 for s in samples)
    gaps = [b - a for s in samples for a, b in zip(s.output_times_s, s.output_times_s[1:], strict=False)]
    if decode_s <= 0 or decoded <= 0:
        raise InvalidOutputError("no item has more than one token, so there is no decode speed")
    return {
        "decode_tokens_per_second": decoded / decode_s,
        "prefill_tokens_per_second": sum(s.units_in for s in samples) / sum(first),
        "ftl_ms": 1e3 * statistics.median(first),
        "ftl_ms_p95": 1e3 * percentile(first, 0.95),
        "itl_ms_p95": 1e3 * percentile(gaps, 0.95),
        "response_s": statistics.fmean([s.done_s for s in samples]),
        **_engine_rate("engine_decode_tokens_per_second", "decode", samples),
        **_engine_rate("engine_prefill_tokens_per_second", "prefill", samples),
    }


def _engine_rate(name: str, stage: str, samples: Sequence[Sample]) -> Mapping[str, float]:
    """Tokens per second by the engine's own timers; nothing where it has none."""
    seconds = sum(s.engine_timings.get(f"{stage}_s", 0.0) for s in samples)
    tokens = sum(s.engine_timings.get(f"{stage}_tokens", 0.0) for s in samples)
    return {name: tokens / seconds} if seconds > 0 and tokens > 0 else {}


def _stt(samples: Sequence[Sample]) -> dict[str, float]:
    """Real-time factor pooled over the round's clips, latency over clips."""
    latencies = [s.done_s for s in samples]
    return {
        "rtf": sum(latencies) / sum(s.units_in for s in samples),
        "latency_ms": 1e3 * statistics.median(latencies),
        "latency_ms_p95": 1e3 * percentile(latencies, 0.95),
    }


def _tts(samples: Sequence[Sample]) -> dict[str, float]:
    """Real-time factor and throughput pooled over the round's texts, first audio over texts.

    A text takes until its last audio is there; throughput is by the wall clock, until the engine is free again. A
    sample may be of several requests at once: `requests` of them, which took `request_s` together, each on its own
    clock. Of the audio, `due_seconds` count where an engine tells them: what is longer than the reference's, or was
    made before, is no work done.
    """
    first = [s.output_times_s[0] for s in samples]
    audio_s = sum(s.engine_timings.get("due_seconds", s.units_out) for s in samples)
    if audio_s <= 0:  # all of it came out of a cache
        audio_s = sum(s.units_out for s in samples)
    requests = sum(s.engine_timings.get("requests", 1.0) for s in samples)
    requests_s = sum(s.engine_timings.get("request_s", s.output_times_s[-1]) for s in samples)
    return {
        "ftl_ms": 1e3 * statistics.median(first),
        "ftl_ms_p95": 1e3 * percentile(first, 0.95),
        "rtf": requests_s / audio_s,
        "stall_ms": 1e3 * max(s.engine_timings.get("stall_s", 0.0) for s in samples),
        "synthesis_s": requests_s / requests,
        "throughput_x": audio_s / sum(s.done_s for s in samples),
    }


LEADING: dict[str, tuple[str, ...]] = {
    "llm": (
        "decode_tokens_per_second", "prefill_tokens_per_second", "ftl_ms", "ftl_ms_p95", "itl_ms_p95", "response_s",
    ),
    "stt": ("rtf", "latency_ms", "latency_ms_p95"),
    "tts": ("ftl_ms", "rtf", "synthesis_s", "throughput_x", "ftl_ms_p95", "stall_ms"),
}  # fmt: skip
"""What every round of a task shows, whatever the engine; the first is what matters most unless the user says else."""

_BY_TASK: dict[str, RoundMetrics] = {"llm": _llm, "stt": _stt, "tts": _tts}
