"""Configurations that are loaded by a script: samples, noise and failures are told, and time is the script's own."""

import itertools
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from engines.base import ModelFile, Sample
from engines.judgement import Judgement, WorstItem
from tuner.core.trial import TrialStatus
from tuner.measure.host.host_noise import HostNoise
from tuner.measure.loaded import Pass, RunFailedError

QUIET, NOISY = HostNoise(), HostNoise(others_cores=1.0)


def sample(rate, tokens=11, first=0.1):
    """An answer at `rate` tokens per second."""
    times = tuple(first + i / rate for i in range(tokens))
    return Sample("a", times, times[-1], 20.0, tokens, "text")


@dataclass
class Script:
    """What is loaded: decodes at `speeds`, one a pass and the last of them for ever, with `noises`, quiet after them.

    A speed that is an error is raised. A pass takes `pass_s` seconds of `now`, and loading `load_s`.
    """

    speeds: Iterable[float | Exception]
    noises: Iterable[HostNoise] = ()
    judged: Mapping[str, float] = field(default_factory=lambda: {"kld": 0.01})
    worst: WorstItem | None = None
    complete: bool = True
    pass_s: float = 1.0
    load_s: float = 0.5
    vram_peak_mib: float | None = None
    energy_j: float | None = None
    engine_s: float = 0.0
    now: float = 0.0
    model_file: ModelFile = field(default_factory=lambda: ModelFile("/m.gguf", "0" * 64, "Q8_0", 7.0))
    deadlines: list[float | None] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    limits: list[Mapping[str, float]] = field(default_factory=list)

    def __post_init__(self):
        speeds = list(self.speeds)
        self._speeds = itertools.chain(speeds, itertools.repeat(speeds[-1]))
        self._noises = itertools.chain(self.noises, itertools.repeat(QUIET))

    @property
    def passes(self):
        return len(self.deadlines)

    def clock(self):
        return self.now

    def spend(self, seconds):
        self.now += seconds
        self.engine_s += seconds

    def run_pass(self, timeout_s, deadline_s=None):
        self.deadlines.append(deadline_s)
        speed, noise = next(self._speeds), next(self._noises)
        if isinstance(speed, Exception):
            raise speed
        self.spend(self.pass_s)
        return Pass((sample(speed),), self.pass_s, noise, 10.0 + self.passes, self.energy_j)

    def quality(self, limits, timeout_s):
        self.asked.append("quality")
        self.limits.append(dict(limits))
        self.spend(2.0)
        return Judgement(dict(self.judged), self.worst, self.complete or not limits)

    def inspect(self, what, timeout_s):
        self.asked.append(what)
        return {"profile.json": {"took": 3}} if what == "profile" else {"flash attention": "on"}


@dataclass
class ScriptedLoader:
    """Loads `scripts` one after the other, the last of them again and again; keeps what was asked for."""

    scripts: list[Script | Exception]
    engine_s: float = 0.0
    loads: list[tuple[Mapping, bool]] = field(default_factory=list)

    def clock(self):
        return sum(s.now for s in self.scripts if isinstance(s, Script))

    @contextmanager
    def load(self, params, cold):
        script = self.scripts[min(len(self.loads), len(self.scripts) - 1)]
        self.loads.append((dict(params), cold))
        if isinstance(script, Exception):
            raise script
        before = script.engine_s
        script.spend(script.load_s)
        try:
            yield script
        finally:
            self.engine_s += script.engine_s - before


def failure(status=TrialStatus.CRASHED, reason="killed by SIGSEGV"):
    return RunFailedError(status, reason)
