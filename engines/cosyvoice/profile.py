"""Where the time of a request goes: by stage, by kernel, and by how many requests there are at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Protocol

from engines.base import WorkItem, Workload
from engines.cosyvoice.in_force import device_name
from engines.cosyvoice.settings import Settings
from engines.cosyvoice.stages import STAGES

PIPELINE, KERNELS = "pipeline_profile.json", "cuda_kernels_profile.json"
_AT_ONCE_GPU, _AT_ONCE_CPU = (2, 4), (2,)
_SLOW_S = 30.0
"""Where a request takes as long, several at once are not tried."""
_LISTED = 40


class Measured(Protocol):
    """What a session must offer to be profiled."""

    @property
    def loaded(self) -> Any:
        """The repository's model."""
        ...

    def measured(self, item: WorkItem, at_once: int) -> Mapping[str, float]:
        """Seconds of the item's stages, of its audio and to its first audio, for so many requests at once."""
        ...

    def in_force(self) -> Mapping[str, str]:
        """The optimizations that are really in force."""
        ...


def profile(torch: Any, session: Measured, settings: Settings, workload: Workload) -> Mapping[str, Any]:
    """`pipeline_profile.json` and `cuda_kernels_profile.json` for the workload's first item. The session is warm."""
    item, model = workload.items[0], session.loaded
    on_gpu = model.device.type == "cuda"
    by_concurrency = {1: session.measured(item, 1)}
    if by_concurrency[1]["wall_s"] < _SLOW_S:
        counts = _AT_ONCE_GPU if on_gpu else _AT_ONCE_CPU
        by_concurrency |= {count: session.measured(item, count) for count in counts}
    recorded = _recorded(torch, session, item, on_gpu)
    head = {"device": device_name(torch, model), "item": item.id, "settings": asdict(settings)}
    return {
        PIPELINE: {
            **head,
            "optimizations_in_force": dict(session.in_force()),
            **stage_table(by_concurrency[1]),
            "by_concurrency": [_summary(count, one) for count, one in by_concurrency.items()],
        },
        KERNELS: {**head, **kernel_table(recorded.key_averages(), on_gpu)},
    }


def stage_table(measured: Mapping[str, float]) -> dict[str, Any]:
    """Seconds of each stage, its share of their sum, and the stage that takes most."""
    seconds = {stage: measured[f"{stage}_s"] for stage in STAGES}
    total = sum(seconds.values()) or 1.0
    return {
        "wall_s": round(measured["wall_s"], 4),
        "audio_s": round(measured["audio_s"], 4),
        "first_audio_s": round(measured["first_audio_s"], 4),
        "stages": {stage: {"s": round(s, 4), "share": round(s / total, 4)} for stage, s in seconds.items()},
        "llm_tokens_per_second": round(measured["llm_tokens"] / seconds["llm"], 2) if seconds["llm"] else None,
        "bottleneck": max(seconds, key=lambda stage: seconds[stage]),
    }


def _summary(count: int, measured: Mapping[str, float]) -> dict[str, float]:
    return {
        "requests": count,
        "throughput_x": round(measured["audio_s"] / measured["wall_s"], 4),
        "rtf": round(measured["request_s"] / measured["audio_s"], 4),
        "first_audio_s": round(measured["first_audio_s"], 4),
    }


def _recorded(torch: Any, session: Measured, item: WorkItem, on_gpu: bool) -> Any:
    """torch.profiler's record of one request, the LLM's thread included."""
    kinds = torch.profiler.ProfilerActivity
    activities = [kinds.CPU, *([kinds.CUDA] if on_gpu else [])]
    try:
        every_thread = torch.profiler._ExperimentalConfig(profile_all_threads=True)
    except TypeError:  # an older torch records the calling thread alone
        every_thread = None
    with torch.profiler.profile(activities=activities, experimental_config=every_thread) as recorded:
        session.measured(item, 1)
    return recorded


def kernel_table(averages: Iterable[Any], on_gpu: bool) -> dict[str, Any]:
    """Kernels by the time spent in them (on a GPU; operators elsewhere): calls, milliseconds, share of all."""
    rows = [(one.key, int(one.count), _self_us(one, on_gpu)) for one in averages if _counts(one, on_gpu)]
    rows = sorted((row for row in rows if row[2] > 0), key=lambda row: -row[2])
    total_us = sum(us for _, _, us in rows) or 1.0
    listed = [
        {"name": name, "calls": calls, "self_ms": round(us / 1e3, 3), "share": round(us / total_us, 4)}
        for name, calls, us in rows[:_LISTED]
    ]
    return {
        "kind": "CUDA kernels" if on_gpu else "CPU operators",
        "total_ms": round(total_us / 1e3, 3),
        "kernels": listed,
        "others": {"count": max(0, len(rows) - _LISTED), "self_ms": round(sum(r[2] for r in rows[_LISTED:]) / 1e3, 3)},
        "attention_kernels": sorted({row[0] for row in rows if "scaled_dot_product" in row[0] or "flash" in row[0]}),
    }


def _self_us(one: Any, on_gpu: bool) -> float:
    return float(one.self_device_time_total if on_gpu else one.self_cpu_time_total)


def _counts(one: Any, on_gpu: bool) -> bool:
    """On a GPU its kernels alone: what launches them is on the CPU and would count their time again."""
    return not on_gpu or "cuda" in str(one.device_type).lower()
