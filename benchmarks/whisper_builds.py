"""How much faster one build of pywhispercpp is than another on this machine.

    python -m benchmarks.whisper_builds --python .venv/bin/python --python /path/to/native/bin/python [--pairs 12]

Two virtual environments with the tool's requirements, one with PyPI's wheel and one with the build that `python -m
tuner doctor` gives the command for. A pair is one round of each, either one first in turn, in processes of its own:
what one start of a process differs by is no gain, and pairs of the same processes would not show it. Printed are the
median real-time factors and the ratio first ÷ second (above 1: the second is faster) with its 95 % interval, for some
configurations.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tuner.core.stats import paired_ratio_test
from tuner.measure.answers import RoundAnswer
from tuner.measure.round_metrics import round_metrics
from tuner.measure.worker_process import Worker, WorkerFailedError

CONFIGURATIONS: Mapping[str, Mapping[str, Any]] = {
    "library defaults": {},
    "audio_ctx=clip": {"audio_ctx": "clip"},
    "audio_ctx=clip, no flash attention": {"audio_ctx": "clip", "flash_attn": False},
    "audio_ctx=clip, Q8_0": {"audio_ctx": "clip", "quantization": "Q8_0"},
    "audio_ctx=clip, Q5_1": {"audio_ctx": "clip", "quantization": "Q5_1"},
}
TIMEOUT_S = 900.0


@dataclass(frozen=True)
class Subject:
    """What both builds run: a model and a workload, as the engine's configurations."""

    engine: str
    model: Mapping[str, Any]
    workload: Mapping[str, Any]


class Build:
    """One interpreter's engine with a configuration loaded, and warm."""

    def __init__(self, stack: ExitStack, python: str, subject: Subject, params: Mapping[str, Any]) -> None:
        self._worker, self._task = stack.enter_context(Worker(subject.engine, python=python)), "stt"
        known = self._worker.ask("resolve", TIMEOUT_S, model=subject.model, workload=subject.workload)
        self._worker.ask("open", TIMEOUT_S, **known, params=params, evict="")
        self.rtf()

    def rtf(self) -> float:
        """Of one round."""
        answer = RoundAnswer.from_json(self._worker.ask("round", TIMEOUT_S))
        return round_metrics(self._task, answer.samples)["rtf"]


def compare(
    pythons: Sequence[str], subject: Subject, params: Mapping[str, Any], pairs: int
) -> tuple[list[float], list[float]]:
    """The real-time factors of both builds, `pairs` each, every pair measured with both loaded anew."""
    values: tuple[list[float], list[float]] = ([], [])
    for pair in range(pairs):
        with ExitStack() as stack:
            builds = [Build(stack, python, subject, params) for python in pythons]
            first = pair % 2
            for at in (first, 1 - first):
                values[at].append(builds[at].rtf())
    return values


def row(name: str, values: tuple[Sequence[float], Sequence[float]]) -> str:
    """A line of the table."""
    test = paired_ratio_test(values[0], values[1])
    low, high = test.ci95
    medians = " ".join(f"{statistics.median(v):10.4f}" for v in values)
    return f"{name:35} {medians} {test.ratio:9.2f}  {low:.2f} to {high:.2f}"


def features(python: str, engine: str) -> str:
    """What an interpreter's build was compiled for."""
    with Worker(engine, python=python) as worker:
        build = worker.ask("capabilities", TIMEOUT_S)["build"]
    return f"{build['version']}, build {build['build']}: {build['features']}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", required=True, help="an interpreter; give two")
    parser.add_argument("--engine", default="whisper_cpp")
    parser.add_argument("--model", default='{"source": "embedded", "shape": "whisper-tiny"}', help="JSON")
    parser.add_argument("--workload", default='{"clips": "mixed", "items_per_round": 6, "eval_clips": 1}', help="JSON")
    parser.add_argument("--threads", type=int, help="default: the library's own")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--only", action="append", choices=list(CONFIGURATIONS), help="a configuration; default: all")
    options = parser.parse_args()
    if len(options.python) != 2 or options.pairs < 2:
        parser.error("give --python twice, and --pairs of 2 or more")
    subject = Subject(options.engine, json.loads(options.model), json.loads(options.workload))
    try:
        for number, python in enumerate(options.python, start=1):
            print(f"{number}: {python}\n   {features(python, subject.engine)}", flush=True)
        print(f"\n{'':24} {'rtf of 1':>10} {'of 2':>10} {'1 ÷ 2':>9}  95 % interval")
        for name in options.only or CONFIGURATIONS:
            params = {**CONFIGURATIONS[name], **({"n_threads": options.threads} if options.threads else {})}
            print(row(name, compare(options.python, subject, params, options.pairs)), flush=True)
    except (WorkerFailedError, OSError) as error:
        parser.exit(3, f"error: {error}\n")


if __name__ == "__main__":
    main()
