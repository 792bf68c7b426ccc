"""How soon a search finds the best configuration: searches replayed on recorded machines, with all time accounted.

    python -m benchmarks.search_efficiency [--recording FILE…] [--objective METRIC] [--seeds 100]
                                           [--sampler NAME…] [--optimus PYTHON]

Prints a table for each recording, by default those in `benchmarks/recordings/` and two synthetic surfaces. A search
has found the optimum from when its answer, which is what it would likeliest deploy, stays within 3 % of the best
feasible configuration of the whole grid. Times are shares of measuring the whole grid, and hold loads, warm-up,
rounds, quality and an overhead for each configuration. The tuner gets a tenth of the grid's time for everything, its
tournament included; the others, which prove nothing, get more, so that their times can be told. The tuner runs a
second time without the values that the space file advises to try first, as it would search an engine nobody knows.
`--sampler tpe` runs the tuner's study with that sampler of Optuna's instead of its own, and with nothing else changed.

The truth is a fit to the grid where processes differ, with an effect for each knob and each pair of knobs; the tuner's
own model is of that kind. `--as-measured` takes what each configuration did in the one process that was recorded
instead: then three knobs may do together what no two of them do, and no process differs from another.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers import Strategy, hill_climbing, optuna_tpe, random_search
from benchmarks.problem import NEAR, Problem, Trace
from benchmarks.recording import Recording, RecordingError
from benchmarks.replayed_study import replay_study, replay_study_by, replay_study_without_advice
from benchmarks.synthetic import cpu_like, gpu_like
from benchmarks.world import Surface
from tuner.core.objective import Objective
from tuner.core.study_config import SAMPLERS

RECORDINGS = Path(__file__).parent / "recordings"
SYNTHETIC = {"cpu_like": cpu_like, "gpu_like": gpu_like}
SHARE = 0.10
"""Of the grid's time, by which the optimum should be found."""
PEERS_SHARE = 0.40
OPTIMUS_SEEDS = 20
"""llama-optimus runs as a program of its own, which takes seconds a seed."""
OURS = "voice-stack tuner"
OURS_UNADVISED = "the same without advice"
BY_ANOTHER = "the same by "
TOLD = "llama-optimus, told the best file"
PEERS: Mapping[str, Strategy] = {
    "random": random_search,
    "Optuna TPE, mean of 3": optuna_tpe,
    "hill climbing": hill_climbing,
}


@dataclass(frozen=True)
class Row:
    """One search over all seeds. Times are shares of the grid's; infinite where the optimum was not found."""

    name: str
    seeds: int
    in_time: float
    median: float
    late: float
    regret: float
    regret_late: float
    wasted: float
    measured: float

    @staticmethod
    def of(name: str, problem: Problem, traces: Sequence[Trace]) -> Row:
        """From its traces."""
        whole_s = problem.exhaustive_s
        near = [problem.regret(t.at(SHARE * whole_s)) <= NEAR for t in traces]
        # A search that goes on may lose what it had found: what counts is the better of the two ways to end it.
        found = min(
            ([t.found_s(problem, end_s) / whole_s for t in traces] for end_s in (SHARE * whole_s, math.inf)),
            key=statistics.median_high,
        )
        regrets = [problem.regret(t.at(SHARE * whole_s)) for t in traces]
        return Row(
            name, len(traces), sum(near) / len(near), statistics.median_high(found), _late(found),
            statistics.median_high(regrets), _late(regrets),
            statistics.fmean(t.wasted_s / t.end_s for t in traces), statistics.fmean(t.measured for t in traces),
        )  # fmt: skip

    def cells(self) -> list[str]:
        """For the table."""
        return [
            self.name, f"{self.seeds}", f"{100 * self.in_time:.0f} %", _percent(self.median), _percent(self.late),
            _percent(self.regret), _percent(self.regret_late), _percent(self.wasted), f"{self.measured:.0f}",
        ]  # fmt: skip


HEAD = (
    "search", "seeds", "found in 10 %", "time, median", "time, p90", "worse by, median", "worse by, p90", "wasted",
    "measured",
)  # fmt: skip


def _late(values: Sequence[float]) -> float:
    """The 90th percentile; of values that may be infinite, one of them."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(0.9 * len(ordered)) - 1)]


def _percent(share: float) -> str:
    return "–" if math.isinf(share) else f"{100 * share:.1f} %"


def compare(
    problem: Problem, seeds: int, strategies: Mapping[str, tuple[Strategy, float, int]], first: int = 0
) -> list[Row]:
    """A row for each strategy: (how, its share of the grid's time, its number of seeds at most); seeds from `first`."""
    rows = []
    for name, (strategy, share, most) in strategies.items():
        begin = time.process_time()
        limit_s = share * problem.exhaustive_s
        traces = [strategy(problem, seed, limit_s) for seed in range(first, first + min(seeds, most))]
        rows.append(Row.of(name, problem, traces))
        spent_s = time.process_time() - begin
        print(f"  {name}: {len(traces)} seeds, {spent_s:.0f} s", file=sys.stderr, flush=True)
    return rows


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = [list(HEAD), ["---"] * len(HEAD), *(r.cells() for r in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def verdict(rows: Sequence[Row]) -> str:
    """The two goals: found in time for 90 of 100 seeds, and three times as soon as the best peer.

    The goals are those of the tuner as it is, advice included. Without advice it has as much to find as its peers have,
    which compares like with like. The peer that was told the file of the optimum is compared with it as it is.
    """
    named = {r.name: r for r in rows}
    ours, unadvised, told = named[OURS], named.get(OURS_UNADVISED), named.get(TOLD)
    untold = [r for r in rows if r.name not in (OURS, OURS_UNADVISED, TOLD) and not r.name.startswith(BY_ANOTHER)]
    lines = [f"found in a tenth of the time: {100 * ours.in_time:.0f} % of seeds (90 %: {_met(ours.in_time >= 0.9)})"]
    if unadvised is not None:
        lines.append(f"without advice {100 * unadvised.in_time:.0f} %")
    if untold:
        best = min(untold, key=lambda r: r.median)
        lines.append(_sooner("as it is", ours, best))
        if unadvised is not None:
            lines.append(_sooner("without advice", unadvised, best))
    if told is not None:
        lines.append(_sooner("as it is", ours, told))
    return "; ".join(lines)


def _sooner(how: str, ours: Row, peer: Row) -> str:
    times = peer.median / ours.median if math.isfinite(ours.median) else 0.0
    sooner = f"{times:.1f} times ours" if math.isfinite(times) else "beyond what it was given"
    return f"{how}, the median of {peer.name} is {sooner} (3 times: {_met(times >= 3)})"


def _met(met: bool) -> str:
    return "met" if met else "NOT met"


def strategies_of(optimus: Path | None, samplers: Sequence[str] = ()) -> dict[str, tuple[Strategy, float, int]]:
    """All searches by name; `samplers` are those of the tuner's study."""
    chosen: dict[str, tuple[Strategy, float, int]] = {
        OURS: (replay_study, SHARE, sys.maxsize),
        OURS_UNADVISED: (replay_study_without_advice, SHARE, sys.maxsize),
    }
    chosen |= {f"{BY_ANOTHER}{name}": (replay_study_by(name), SHARE, sys.maxsize) for name in samplers}
    chosen |= {name: (strategy, PEERS_SHARE, sys.maxsize) for name, strategy in PEERS.items()}
    if optimus is not None:
        from benchmarks.llama_optimus import LlamaOptimus

        chosen["llama-optimus"] = (LlamaOptimus(optimus), math.inf, OPTIMUS_SEEDS)
        chosen[TOLD] = (LlamaOptimus(optimus, best_file=True), math.inf, OPTIMUS_SEEDS)
    return chosen


def recordings(given: Sequence[Path]) -> list[Recording]:
    """Those given, else all that there are. Raises RecordingError."""
    if given:
        return [SYNTHETIC[p.name]() if p.name in SYNTHETIC else Recording.read(p) for p in given]
    return [
        *(Recording.read(p) for p in sorted(RECORDINGS.glob("*.json.gz"))),
        *(make() for make in SYNTHETIC.values()),
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--recording", type=Path, action="append", default=[], help=f"a file, or {' or '.join(SYNTHETIC)}"
    )
    parser.add_argument("--objective", action="append", default=[], help="decode_tokens_per_second, ftl_ms")
    parser.add_argument("--constraint", action="append", default=[], metavar="METRIC=LIMIT", help="default: kld=0.05")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=0, help="such as 100, for seeds by which nothing was chosen")
    parser.add_argument("--sampler", action="append", default=[], choices=SAMPLERS[1:], help="of Optuna's")
    parser.add_argument("--optimus", type=Path, help="the Python of an environment with llama-optimus 0.1.9")
    parser.add_argument(
        "--as-measured", action="store_true", help="take for the truth what was recorded, and not the fit to the grid"
    )
    parser.add_argument("--json", type=Path, help="write the rows there too")
    options = parser.parse_args()
    given = options.constraint or ["kld=0.05"]
    limits = dict(text.split("=", 1) for text in given)
    constraints = {name: float(limit) for name, limit in limits.items()}
    document: list[dict[str, Any]] = []
    try:
        found = recordings(options.recording)
    except RecordingError as error:
        sys.exit(f"error: {error}")
    for recording in found:
        surface = Surface(recording, smoothed=not options.as_measured)
        for name in options.objective or ["decode_tokens_per_second"]:
            problem = Problem(surface, Objective(name), constraints)
            default = f"the default is {100 * problem.regret(problem.space.baseline):.0f} % worse"
            print(f"\n{recording.summary()}\nbest {name} with {', '.join(given)}; {default}\n", flush=True)
            rows = compare(problem, options.seeds, strategies_of(options.optimus, options.sampler), options.first_seed)
            print(f"{table(rows)}\n\n{verdict(rows)}", flush=True)
            document.append({"recording": recording.name, "objective": name, "rows": [vars(r) for r in rows]})
    if options.json:
        options.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
