"""An engine with a known optimum and scripted failures, for tests of the loop and for trying the tool out.

It takes no time: the event times of its samples are computed, not waited for. The model's configuration scripts it:

    {"source": "fake", "noise": 0.02, "seed": 1, "script": [{"when": {"mode": ["c"]}, "do": "segfault"}]}

`noise` is the standard deviation of the logarithm of each round's speed. Each script entry applies to the
configurations that `when` matches (all of them when it is empty); `do` is one of `FAULTS`.
"""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines import own_timers
from engines.base import (
    Capabilities,
    ExportFile,
    MemoryPrediction,
    Metric,
    Model,
    ModelFile,
    Progress,
    Sample,
    StockHere,
    WorkItem,
    Workload,
)
from engines.deploy import Deployment
from engines.errors import InvalidOutputError, ModelFileError, OutOfMemoryError, UnsupportedError
from search_spaces.errors import unknown_name
from search_spaces.parameter import Params, Value

FAULTS = (
    "segfault", "kill", "exit", "raise", "hang", "garbage", "print", "nan", "empty", "backwards", "quality_nan",
    "out_of_memory", "unsupported", "invalid", "too_large", "fork", "slow", "late", "server",
)  # fmt: skip
_MODE_SPEED = {"a": 1.0, "b": 1.3, "c": 0.8}
_PRECISION_SPEED = {"low": 1.5, "medium": 1.2, "high": 1.0}
_PRECISION_KLD = {"low": 0.2, "medium": 0.02, "high": 0.0}
_TOO_LARGE_MIB = 1e9
_HANG_S = 3600.0
_SLOW_S = 0.05
SERVER_MIB, SERVER_CPU_S = 100, 0.2
"""What a scripted server holds, and the CPU time that it takes for each item."""
_SERVER = """
import sys, time
held = b"x" * (int(sys.argv[1]) << 20)
print(len(held), flush=True)
for line in sys.stdin:
    end = time.process_time() + float(sys.argv[2])
    while time.process_time() < end:
        pass
    print(line, end="", flush=True)
"""
_LATE = 10.0
"""How many times slower than later the first answer to each item is, where something settles late."""


def which_load() -> int:
    """What the noise of one load differs from that of the next by. Each load has a process of its own."""
    return os.getpid()


def speed(params: Params) -> float:
    """Tokens per second of a configuration without noise. Best at threads=6, mode=b, turbo with level=4, scale=1."""
    threads = int(params.get("threads", 2))
    turbo = 1.0
    if params.get("turbo"):
        level = int(params.get("level", 0))
        turbo = 0.95 + 0.04 * level - 0.005 * level * level
    return (
        100.0
        * math.sqrt(min(threads, 6)) * (0.9 ** max(0, threads - 6))
        * _MODE_SPEED[str(params.get("mode", "a"))]
        * turbo
        * math.exp(-0.1 * math.log(float(params.get("scale", 1.0))) ** 2)
        * _PRECISION_SPEED[str(params.get("precision", "high"))]
    )  # fmt: skip


@dataclass
class FakeSession:
    """One configuration of the fake engine."""

    params: Params
    faults: frozenset[str]
    noise: float
    rng: random.Random = field(default_factory=random.Random)
    server: subprocess.Popen[str] | None = None
    met: set[str] = field(default_factory=set)

    def run(self, item: WorkItem) -> Sample:
        """Computed event times; or the scripted fault."""
        _fault_while_running(self.faults)
        if self.server is not None:
            _asked(self.server, item.id)
        rate = speed(self.params) * math.exp(self.rng.gauss(0.0, self.noise))
        if "late" in self.faults and item.id not in self.met:
            rate /= _LATE
        self.met.add(item.id)
        tokens, prompt = int(item.payload["tokens"]), int(item.payload["prompt_tokens"])
        first = prompt / (10 * rate)
        times = tuple(first + i / rate for i in range(tokens))
        if "nan" in self.faults:
            times = (*times[:-1], math.nan)
        if "backwards" in self.faults:
            times = times[::-1]
        if "empty" in self.faults:
            return Sample(item.id, (), first, prompt, 0)
        return Sample(
            item.id, times, times[-1], prompt, tokens, f"answer to {item.id}",
            stages_s={own_timers.DECODE: tokens / rate, own_timers.PREFILL: first},
            counts={own_timers.DECODE: tokens, own_timers.PREFILL: prompt},
        )  # fmt: skip

    def quality(self, workload: Workload) -> Mapping[str, float]:
        """A KL divergence that depends on `precision` alone."""
        kld = math.nan if "quality_nan" in self.faults else _PRECISION_KLD[str(self.params.get("precision", "high"))]
        return {"kld": kld, "top1_agreement": 1.0 - kld, "perplexity": 10.0 * (1.0 + kld)}

    def in_force(self) -> Mapping[str, str]:
        """The mode that it is in."""
        return {"mode": str(self.params.get("mode", "a"))}

    def profile(self, workload: Workload) -> Mapping[str, Any]:
        """One document, of the seconds that each item would take."""
        rate = speed(self.params)
        return {"pipeline_profile.json": {"items": {i.id: int(i.payload["tokens"]) / rate for i in workload.items}}}

    def close(self) -> None:
        """End the server, where there is one."""
        if self.server is not None:
            self.server.kill()
            self.server.wait()


class FakeEngine:
    """See the module."""

    name = "fake"
    task = "llm"
    for_tests = True
    default_for_task = False
    space: str | Path = "fake"
    conf = Path(__file__).parent / "conf"
    files: tuple[str, ...] = ()
    facts_kept: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = own_timers.METRICS

    def capabilities(self) -> Capabilities:
        """A machine of eight cores."""
        return Capabilities({"cpu_cores": 8}, {"version": "1", "build": "fake"})

    def resolve_model(self, config: Mapping[str, Any], progress: Progress) -> Model:
        """The scripted model. Raises ModelFileError for an unknown fault."""
        script = config.get("script", [])
        for entry in script:
            if entry["do"] not in FAULTS:
                raise unknown_name("fault", entry["do"], FAULTS)
        if config.get("source") == "missing":
            raise ModelFileError("there is no model 'missing'", "name another one")
        facts: dict[str, Value] = {
            "noise": float(config.get("noise", 0.0)),
            "seed": int(config.get("seed", 0)),
            "script": json.dumps(script),
        }
        return Model("fake-model", "fake", "0" * 64, {"": ""}, "", "", facts)

    def resolve_workload(self, config: Mapping[str, Any], model: Model, progress: Progress) -> Workload:
        """Two items; `tokens` may be set."""
        tokens = int(config.get("tokens", 16))
        items = tuple(WorkItem(f"item-{n}", {"tokens": tokens, "prompt_tokens": 10 * (n + 1)}) for n in range(2))
        return Workload("fake", items, {"text": "held out"})

    def prepare(self, model: Model, params: Params, progress: Progress) -> ModelFile:
        """There is no file."""
        progress("nothing to prepare")
        return ModelFile("", "0" * 64, str(params.get("precision", "")), 1.0)

    def prepare_quality(self, model: Model, workload: Workload, progress: Progress) -> None:
        """There is no reference."""

    def open(self, model: Model, params: Params) -> FakeSession:
        """A session, or the scripted fault."""
        faults = _faults(model, params)
        _fault_while_opening(faults)
        seed = f"{model.facts['seed']} {sorted(params.items())} {which_load()}"
        server = _server() if "server" in faults else None
        return FakeSession(params, faults, float(model.facts["noise"]), random.Random(seed), server)

    def compiles_lazily(self, params: Params) -> bool:
        """Turbo is what may, for tests of it."""
        return bool(params.get("turbo"))

    def predict_memory(self, model: Model, params: Params, capabilities: Capabilities) -> MemoryPrediction:
        """50 MiB a thread, unless scripted to be too large."""
        if "too_large" in _faults(model, params):
            return MemoryPrediction(_TOO_LARGE_MIB, 0.0, {"weights": _TOO_LARGE_MIB})
        return MemoryPrediction(50.0 * int(params.get("threads", 2)), 0.0)

    def stock_here(self, model: Model, params: Params, capabilities: Capabilities) -> StockHere:
        """Nothing depends on the machine."""
        return StockHere()

    @property
    def export_targets(self) -> Mapping[str, str]:
        """One target."""
        return {"json": "the parameters as a JSON file"}

    def export(self, target: str, deploy: Deployment) -> list[ExportFile]:
        """The parameters as JSON."""
        return [ExportFile("params.json", json.dumps(dict(deploy.params), indent=2) + "\n")]


def _faults(model: Model, params: Params) -> frozenset[str]:
    """The scripted faults of a configuration."""
    entries = json.loads(str(model.facts["script"]))
    return frozenset(e["do"] for e in entries if all(params.get(k) in v for k, v in e.get("when", {}).items()))


def _server() -> subprocess.Popen[str]:
    """A process of its own that answers a line with the same line; it is ready when this returns."""
    arguments = [sys.executable, "-c", _SERVER, str(SERVER_MIB), str(SERVER_CPU_S)]
    server = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    assert server.stdout is not None, "it has a pipe"
    server.stdout.readline()
    return server


def _asked(server: subprocess.Popen[str], line: str) -> None:
    assert server.stdin is not None, "it has a pipe"
    assert server.stdout is not None, "it has a pipe"
    server.stdin.write(line + "\n")
    server.stdout.readline()


def _fault_while_opening(faults: frozenset[str]) -> None:
    if "out_of_memory" in faults:
        raise OutOfMemoryError("failed to allocate 99 GiB", "use a smaller model")
    if "unsupported" in faults:
        raise UnsupportedError("this build has no such kernel")
    if "print" in faults:
        print('{"result": "a line that looks like an answer"}', flush=True)
        os.write(1, b"\xff\xfe raw bytes on standard output\n")
    if "fork" in faults and os.fork() == 0:
        time.sleep(_HANG_S)


def _fault_while_running(faults: frozenset[str]) -> None:
    if "slow" in faults:
        time.sleep(_SLOW_S)
    if "segfault" in faults:
        print("about to fault", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    if "kill" in faults:
        os.kill(os.getpid(), signal.SIGKILL)
    if "exit" in faults:
        os._exit(3)
    if "raise" in faults:
        raise RuntimeError("scripted failure")
    if "invalid" in faults:
        raise InvalidOutputError("the output is not finite")
    if "hang" in faults:
        time.sleep(_HANG_S)
    if "garbage" in faults:
        # The answers' descriptor is private, so this takes guessing at it: a library that writes to a wrong one.
        for descriptor in range(3, 16):
            try:
                os.write(descriptor, b"\x00garbage\n")
            except OSError:
                continue


ENGINE = FakeEngine
