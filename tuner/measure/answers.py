"""What a worker answers, typed; JSON between the two processes. Imports nothing heavy: every worker starts with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engines.base import Capabilities, Sample, WorkItem, Workload


@dataclass(frozen=True)
class OpenAnswer:
    """A configuration is loaded.

    `evicted` says whether its file was dropped from the page cache before. `rss_peak_mib` is the worker's own peak,
    `has_children` whether anything runs below it, or may.
    """

    load_s: float
    evicted: bool
    rss_peak_mib: float
    has_children: bool

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> OpenAnswer:
        """From its `dataclasses.asdict`."""
        return OpenAnswer(**document)


@dataclass(frozen=True)
class RoundAnswer:
    """One pass over the workload.

    `cpu_s` is the CPU time of the worker and of its children that ended meanwhile; what still runs is not in it.
    """

    samples: tuple[Sample, ...]
    wall_s: float
    cpu_s: float
    rss_peak_mib: float
    has_children: bool

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> RoundAnswer:
        """From its `dataclasses.asdict`."""
        return RoundAnswer(**{**document, "samples": tuple(_sample(s) for s in document["samples"])})


def workload_from_json(document: Mapping[str, Any]) -> Workload:
    """A Workload from its `dataclasses.asdict`; recordings have what there was when they were made."""
    held_out = document.get("held_out")
    return Workload(
        name=document["name"],
        items=tuple(WorkItem(**item) for item in document["items"]),
        quality=document["quality"],
        notes=tuple(document["notes"]),
        facts=document.get("facts", {}),
        sizes=document.get("sizes", {}),
        held_out=workload_from_json(held_out) if held_out else None,
    )


def capabilities_from_json(document: Mapping[str, Any]) -> Capabilities:
    """A Capabilities from its `dataclasses.asdict`."""
    return Capabilities(**document)


def _sample(document: Mapping[str, Any]) -> Sample:
    return Sample(**{**document, "output_times_s": tuple(document["output_times_s"])})
