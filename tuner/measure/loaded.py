"""The seam below measuring: a configuration that is loaded somewhere, and what loads one.

A worker process gives one (`worker_loader.py`), and so may anything else that can be timed, such as a recording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from engines.base import ModelFile, Sample
from engines.judgement import Judgement, QualityLimits
from search_spaces.parameter import Params
from tuner.core.trial import TrialStatus
from tuner.measure.host.host_noise import HostNoise
from tuner.measure.plan import Inspection


class RunFailedError(Exception):
    """A configuration did not load or answer. `status` and `reason` are those of the trial that ran it."""

    def __init__(self, status: TrialStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Pass:
    """One pass over the workload: its samples, the host's noise meanwhile, the peak memory so far, seconds and joules.

    `energy_j` is None where no instrument tells it.
    """

    samples: Sequence[Sample]
    wall_s: float
    noise: HostNoise
    rss_peak_mib: float
    energy_j: float | None = None


class Loaded(Protocol):
    """One configuration, loaded in a process of its own. Every method raises RunFailedError."""

    @property
    def model_file(self) -> ModelFile:
        """What it was loaded from."""
        ...

    @property
    def load_s(self) -> float:
        """How long loading took, the library's import not included."""
        ...

    @property
    def engine_s(self) -> float:
        """Seconds spent in the engine so far: starting its process, loading, measuring, judging."""
        ...

    @property
    def vram_peak_mib(self) -> float | None:
        """Peak device memory so far; None without a device, and where nothing tells."""
        ...

    def run_pass(self, timeout_s: float, deadline_s: float | None = None) -> Pass:
        """One pass over the workload; no further item is begun once `deadline_s` seconds have passed."""
        ...

    def quality(self, limits: QualityLimits, timeout_s: float) -> Judgement:
        """What judging it comes to; it may end early where one of `limits` cannot be kept."""
        ...

    def inspect(self, what: Inspection, timeout_s: float) -> Mapping[str, Any]:
        """What is in force of the configuration, or its profiles by file name; {} where the session cannot tell."""
        ...


class Loader(Protocol):
    """Loads configurations of one engine, model and workload, one at a time."""

    @property
    def engine_s(self) -> float:
        """Seconds that all it loaded and ended have spent in the engine."""
        ...

    def load(self, params: Params, cold: bool) -> AbstractContextManager[Loaded]:
        """A configuration that is loaded until the context ends. Raises RunFailedError.

        A `cold` load has the model file dropped from the page cache first, where the system allows it.
        """
        ...
