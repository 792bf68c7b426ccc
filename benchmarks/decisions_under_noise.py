"""How often a verdict is right on a machine where another program takes a core now and then.

    python -m benchmarks.decisions_under_noise [--sweeps 20] [--share 0.3] [--json FILE] [--keep FOLDER]

A small space of the 160 M shape is swept again and again while a load generator takes a core in random bursts. A
verdict is right when what it deploys is within 3 % of the quiet optimum. That is known from interleaved rounds of all
configurations on the machine without the load, before, between and after the sweeps, because a virtual machine's cores
are not the same for an hour (two threads of a tiny model were seen at 4000 and at 3100 tok/s for half a minute each,
with nothing else running, and one thread at 3500 all the time: such a model has no quiet optimum, so it is not used).
Beside the verdicts stands the mean of three runs of each configuration, the best of which wins, as sweepers without a
test decide. Last comes a space whose configurations all decode alike: there every "gain" is false. Twenty sweeps of
both take half an hour or more on two cores. With `--keep` the studies stay, to look at those that were wrong.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.load_generator import running
from search_spaces.parameter import Params, Value
from tuner.cli.config.compose import compose
from tuner.core.params import key
from tuner.core.stats import geometric_mean
from tuner.core.study_config import StudyConfig
from tuner.core.trial import TrialResult, TrialSpec, TrialStatus
from tuner.measure.plan import MeasurementPlan
from tuner.measure.preparation import Prepared, prepare
from tuner.measure.pruning import fixed_rounds
from tuner.study.study import run_study
from tuner.tournament.candidate import Candidate
from tuner.tournament.rounds import Played, Player, Rules, play_block

WITHIN = 0.97
"""A choice is right when its quiet speed is at least this share of the optimum's."""
TRUTH_BLOCKS, TRUTH_EVERY = 3, 5
"""So many blocks of quiet rounds before the first sweep and after each so many sweeps."""
COMMON = (
    "workload.size=brief", "constraints.kld=null", "tracking=false",
    "params.use_mlock=false", "params.use_mmap=true", "params.speculation_tokens=0", "params.sampling=greedy",
    "params.type_k=f16", "params.type_v=f16", "params.n_threads_batch=2", "params.numa=disabled",
)  # fmt: skip
SPACE = (
    *COMMON, "model.shape=llama-160m", "workload.max_tokens=64", "params.n_batch=512", "params.n_ubatch=512",
    "space.quantization=choice(Q4_K_M,Q8_0,F16)", "space.flash_attn=choice(false,true)", "space.n_threads=range(1,3)",
)  # fmt: skip
EQUAL = (
    *COMMON, "model.shape=small", "workload.max_tokens=128", "params.quantization=Q8_0",
    "params.flash_attn=false", "params.n_threads=1", "params.n_ubatch=8",
    "space.n_batch=choice(8,16,512)",
)  # fmt: skip
"""Prompts are computed by eights, whichever is chosen, and decoding never knows of it. Batches above the longest prompt
would be the same computation too, but a space counts those as one configuration."""
SIZES = {"ours": 12, "equal": 3}
MINUTES = 1.5
HEAD = "| under load | tries | count | share |\n| --- | --- | --- | --- |"


def configuration(overrides: Sequence[str], outputs: Path, study: str) -> StudyConfig:
    """A study over the space of `overrides`, with room for all of its configurations."""
    config = compose("llm", [*overrides, f"outputs={outputs}", f"study={study}", "budget.trials=16"])
    return replace(config, budget=replace(config.budget, minutes=MINUTES))


def grid_of(prepared: Prepared, size: int) -> list[dict[str, Value]]:
    """All of a space's configurations. Raises ValueError where they are not as many as is meant."""
    grid = prepared.space.enumerate(64) or []
    if len(grid) != size:
        raise ValueError(f"the space is meant to have {size} configurations, and has {len(grid)}")
    return grid


class Quiet:
    """What every configuration of a space does on the machine without the load, as often as it is looked at."""

    def __init__(self, prepared: Prepared, grid: Sequence[Params]) -> None:
        self._executor, self._metric = prepared.executor(), prepared.objectives[0].metric
        self._players = [Player(number, params) for number, params in enumerate(grid)]
        self._knobs = [knob.name for knob in prepared.space.parameters]
        self._played = Played()

    def look(self, blocks: int = TRUTH_BLOCKS) -> None:
        """Measure `blocks` more interleaved rounds of all."""
        for _ in range(blocks):
            rules = Rules(self._metric, replays_most=0)
            self._played = play_block(self._played, self._players, rules, self._executor)

    def values(self) -> dict[str, float]:
        """The geometric mean of the rounds that nobody disturbed, by configuration."""
        return {key(player.params): geometric_mean(self._used(player)) for player in self._players}

    def show(self) -> None:
        """Print them, the best first, each with the least and the most that was measured."""
        best = max(self.values().values())
        for player in sorted(self._players, key=lambda p: -geometric_mean(self._used(p))):
            used = self._used(player)
            value = geometric_mean(used)
            knobs = " ".join(f"{name}={player.params[name]}" for name in self._knobs)
            print(f"  {value:8.1f} tok/s ({min(used):.0f} to {max(used):.0f})  {value / best:.3f}  {knobs}")
        print(flush=True)

    def _used(self, player: Player) -> list[float]:
        trial = TrialResult(player.number, player.params, TrialStatus.OK)
        candidate = Candidate(trial, self._metric, rounds=self._played.rounds(player.number))
        return candidate.used(candidate.values)


def mean_of_three(prepared: Prepared, grid: Sequence[Params]) -> Params:
    """The configuration with the best mean over three rounds, each configuration measured once after the other."""
    executor, metric = prepared.executor(), prepared.objectives[0].metric
    plan = MeasurementPlan(fixed_rounds(3), "whole_pass", quality=False, repeat_disturbed="never")
    means = [(executor.run(TrialSpec(-1, params), plan).value(metric) or 0.0, params) for params in grid]
    return max(means, key=lambda pair: pair[0])[1]


def sweep(overrides: Sequence[str], number: int, share: float, folder: Path) -> dict[str, Any]:
    """The outcome of one sweep under load: verdict, what is deployed, seconds, share of disturbed rounds.

    `folder` is its own, so that it begins with nothing that another one found.
    """
    with running(share, seed=number):
        outcome = run_study(replace(configuration(overrides, folder, "sweep"), seed=number), [])
    played = outcome.directory / "tournament.json"
    noise = json.loads(played.read_text()).get("noise", {}) if played.exists() else {}
    return {
        "verdict": outcome.verdict,
        "params": dict(outcome.deploy.params) if outcome.deploy else {},
        "wall_s": outcome.wall_s,
        "pairs": outcome.deploy.gain.pairs if outcome.deploy else 0,
        "disturbed_share": noise.get("disturbed_share", 0.0),
    }


def right(chosen: Sequence[Params], truth: dict[str, float]) -> int:
    """How many choices are within the margin of the best."""
    best = max(truth.values())
    return sum(truth.get(key(params), 0.0) >= WITHIN * best for params in chosen)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=20)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--json", type=Path, help="write the raw results here")
    parser.add_argument("--keep", type=Path, help="leave the studies in this folder")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        spaces = {"ours": SPACE, "equal": EQUAL}
        known = {name: prepare(configuration(s, folder, name), lambda text: None) for name, s in spaces.items()}
        grids = {name: grid_of(prepared, SIZES[name]) for name, prepared in known.items()}
        quiet, prepared = {name: Quiet(known[name], grids[name]) for name in spaces}, known["ours"]
        print("the quiet machine", flush=True)
        for looked in quiet.values():
            looked.look()
            looked.show()
        print(f"a core taken {options.share:.0%} of the time", flush=True)
        ours, theirs, theirs_s, equal = [], [], [], []
        for number in range(options.sweeps):  # in turn, so that both meet the same machine
            ours.append(sweep(SPACE, number, options.share, folder / f"ours-{number}"))
            begin = time.monotonic()
            with running(options.share, seed=number):
                theirs.append(mean_of_three(prepared, grids["ours"]))
            theirs_s.append(time.monotonic() - begin)
            if (number + 1) % TRUTH_EVERY == 0:
                quiet["ours"].look()
            truth = quiet["ours"].values()
            so_far = f"{right([v['params'] for v in ours], truth)} and {right(theirs, truth)} right of {number + 1}"
            print(f"  {ours[-1]['verdict']}, {ours[-1]['wall_s']:.0f} s; ours and mean of three: {so_far}", flush=True)
        quiet["ours"].show()
        print("equal configurations", flush=True)
        for number in range(options.sweeps):
            equal.append(sweep(EQUAL, number, options.share, folder / f"equal-{number}"))
            print(f"  {equal[-1]['verdict']}, {equal[-1]['wall_s']:.0f} s", flush=True)
    table = {
        "sweeps": options.sweeps,
        "ours_right": right([v["params"] for v in ours], truth),
        "mean_of_three_right": right(theirs, truth),
        "false_gains": sum(v["verdict"] == "gain" for v in equal),
    }
    means = statistics.fmean(v["wall_s"] for v in ours), statistics.fmean(theirs_s)
    print(
        f"\na sweep took {means[0]:.0f} s on average, its explanation included, and the mean of three {means[1]:.0f} s"
    )
    print(f"\n{HEAD}")
    for what, count in (
        ("the tuner is within 3 % of the quiet optimum", table["ours_right"]),
        ("the mean of three is", table["mean_of_three_right"]),
        ("the tuner finds a gain among equals", table["false_gains"]),
    ):
        print(f"| {what} | {options.sweeps} | {count} | {count / options.sweeps:.0%} |")
    if options.json:
        raw = {
            **table,
            "quiet": {n: q.values() for n, q in quiet.items()},
            "ours": ours,
            "mean_of_three": [dict(p) for p in theirs],
            "equal": equal,
        }
        options.json.write_text(json.dumps(raw, indent=1) + "\n")


if __name__ == "__main__":
    main()
