"""What loading, memory and energy cost, whatever the task."""

from __future__ import annotations

from engines.base import Metric

METRICS = (
    Metric(
        "load_s", "s", "minimize", "load", "open with the model file out of the page cache, where the OS allows",
        plain="load time",
    ),
    Metric("load_cached_s", "s", "minimize", "load", "open with the model file in the page cache"),
    Metric("vram_peak_mib", "MiB", "minimize", "memory", "peak device memory of the worker and what it started"),
    Metric(
        "rss_peak_mib", "MiB", "minimize", "memory", "peak resident memory of the worker and what it started",
        lowest=1.0, felt=True, plain="memory",
    ),
    Metric("model_mib", "MiB", "minimize", "memory", "size of the model file"),
    Metric(
        "energy_j_per_unit", "J", "minimize", "energy",
        "device energy per token or audio second, where the hardware tells",
    ),
)  # fmt: skip
