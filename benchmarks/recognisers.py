"""whisper.cpp against faster-whisper on the same model and the same clips, side by side.

    python -m benchmarks.recognisers [OVERRIDE…] [--pairs 8] [--only NAME…]
    python -m benchmarks.recognisers model=whisper-tiny.en workload.eval_clips=40

Each contender is an engine with its own way of being run: the library's defaults, what people run, both engines with
greedy decoding and with five beams, in 32 (16) and in 8 bits; all with every core. A round of each is played in turn,
the order rotated, each in a process of its own, by the tuner's own executor, on the clips that a sweep would hold out.
Ratios are to the first contender (above 1: faster) with their 95 % intervals; word errors and failed clips are counted
once, on the same clips for all. OVERRIDEs are those of `python -m tuner bench stt`; a folder of CTranslate2 serves both
engines.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from engines.machine_limits import usable_cores
from search_spaces.errors import TunerError
from search_spaces.parameter import Value
from tuner.cli.config.compose import compose
from tuner.core.stats import paired_ratio_test
from tuner.core.trial import TrialResult, TrialSpec
from tuner.measure.executor import Executor
from tuner.measure.plan import MeasurementPlan, single_round_plan
from tuner.measure.preparation import prepare
from tuner.measure.pruning import fixed_rounds
from tuner.measure.worker_process import PREPARE_TIMEOUT_S, Worker, ask_or_explain

WHISPER_CPP, FASTER_WHISPER = "whisper_cpp", "faster_whisper"
_THREADS = {WHISPER_CPP: "n_threads", FASTER_WHISPER: "cpu_threads"}
SHOWN = ("latency_ms", "latency_ms_p95", "rtf", "rss_peak_mib")
JUDGED = ("wer", "failed_clips")


@dataclass(frozen=True)
class Contender:
    """A way to run an engine."""

    name: str
    engine: str
    params: Mapping[str, Value]


CONTENDERS = (
    Contender("whisper.cpp, defaults (greedy, F16)", WHISPER_CPP, {}),
    Contender("whisper.cpp, Q8_0", WHISPER_CPP, {"quantization": "Q8_0"}),
    Contender("whisper.cpp, 5 beams", WHISPER_CPP, {"decoding": "beam", "beam_size": 5}),
    Contender("faster-whisper, defaults (5 beams, float32)", FASTER_WHISPER, {}),
    Contender("faster-whisper, int8 (its command line)", FASTER_WHISPER, {"compute_type": "int8"}),
    Contender("faster-whisper, int8, greedy", FASTER_WHISPER, {"compute_type": "int8", "beam_size": 1}),
)


@dataclass
class Played:
    """What a contender did: a value of each metric for each round, and what was judged once."""

    rounds: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in SHOWN})
    judged: dict[str, float] = field(default_factory=dict)

    def add(self, result: TrialResult) -> None:
        """One more round. Raises TunerError where it failed."""
        if not all(name in result.metrics for name in SHOWN):
            raise TunerError(f"a contender failed: {result.reason or result.status.value}", "leave it out by --only")
        for name in SHOWN:
            self.rounds[name].append(result.metrics[name].value)
        self.judged |= {name: result.quality[name] for name in JUDGED if name in result.quality}


Run = Callable[[Contender, MeasurementPlan], TrialResult]


def play(contenders: Sequence[Contender], pairs: int, run: Run) -> list[Played]:
    """Every contender judged once, then `pairs` rounds of each, whose order is rotated."""
    first = MeasurementPlan(fixed_rounds(1), "first_item")
    played = [Played() for _ in contenders]
    for one, contender in zip(played, contenders, strict=True):
        one.add(run(contender, first))
        one.rounds = Played().rounds
    for pair in range(pairs):
        for at in range(len(contenders)):
            number = (pair + at) % len(contenders)
            played[number].add(run(contenders[number], single_round_plan()))
    return played


def row(contender: Contender, played: Played, first: Played) -> str:
    """A line of the table."""
    medians = [statistics.median(played.rounds[name]) for name in SHOWN]
    ratio = "1"
    if played is not first:
        test = paired_ratio_test(first.rounds["latency_ms"], played.rounds["latency_ms"])
        ratio = f"{test.ratio:.2f} ({test.ci95[0]:.2f} to {test.ci95[1]:.2f})"
    latency, p95, rtf, memory = medians
    judged = " | ".join(f"{100 * played.judged[name]:.1f} %" for name in JUDGED)
    return f"| {contender.name} | {latency:.0f} | {ratio} | {p95:.0f} | {rtf:.3f} | {memory:.0f} | {judged} |"


def executors(overrides: Sequence[str], engines: Sequence[str]) -> dict[str, Executor]:
    """Each engine's executor on the part of the workload that is held out. Raises TunerError."""
    found: dict[str, Executor] = {}
    clips = set()
    for engine in engines:
        tell = _teller(engine)
        config = replace(compose("stt", [f"engine={engine}", *overrides]), constraints={})
        prepared = prepare(config, tell, for_quality=False).for_proof
        with Worker(engine, tell) as worker:
            subject = {"model": asdict(prepared.model), "workload": asdict(prepared.workload)}
            ask_or_explain(worker, "prepare_quality", PREPARE_TIMEOUT_S, **subject)
        found[engine] = prepared.executor()
        clips.add(prepared.workload.digest)
    if len(clips) > 1:
        raise TunerError("the engines would not hear the same clips", "give one model that both open: model=FOLDER")
    return found


def _teller(engine: str) -> Callable[[str], None]:
    return lambda line: print(f"{engine}: {line}", file=sys.stderr, flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--only", action="append", choices=[c.name for c in CONTENDERS], help="default: all")
    options = parser.parse_args()
    if options.pairs < 2:
        parser.error("give --pairs of 2 or more")
    contenders = [c for c in CONTENDERS if c.name in (options.only or [c.name])]
    try:
        run_by = executors(options.overrides, list(dict.fromkeys(c.engine for c in contenders)))

        def run(contender: Contender, plan: MeasurementPlan) -> TrialResult:
            params = {**contender.params, _THREADS[contender.engine]: usable_cores()}
            return run_by[contender.engine].run(TrialSpec(-1, params), plan)

        played = play(contenders, options.pairs, run)
    except TunerError as error:
        parser.exit(2, f"error: {error.message}\nhint: {error.hint}\n")
    print("| | latency, ms | times faster (95 %) | p95, ms | rtf | memory, MiB | word error | failed clips |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for contender, one in zip(contenders, played, strict=True):
        print(row(contender, one, played[0]))


if __name__ == "__main__":
    main()
