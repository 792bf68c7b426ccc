"""How long the sampler thinks: the median time of a proposal on the whole space of a large language model with a GPU.

    python -m benchmarks.proposal_time [--trials 300 3000] [--proposals 20]

Each study has so many finished trials, some of which broke a constraint or crashed, in memory, so that it is not the
storage that is timed. A proposal is asked for, suggested and told, as in a sweep. What is counted is the time of one
processor, so that it does not matter what else the machine does; the goal is 50 ms at 300 trials and 200 ms at 3,000.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import statistics
import time
import zlib
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import optuna

from search_spaces.parameter import Params
from search_spaces.space import SearchSpace
from search_spaces.template import load_template
from tuner.core.objective import Constraint, Objective
from tuner.core.trial import MetricValue, TrialResult, TrialStatus
from tuner.search.observations import Observations
from tuner.search.optuna_trials import attributes, suggest, tell
from tuner.search.sampler import TunerSampler

FACTS = {
    "cpu_cores": 32, "default_n_threads": 16, "default_n_threads_batch": 32, "gpu_offload": True, "gpu_count": 2,
    "n_layers": 48, "n_ctx": 8192, "longest_prompt": 2048, "mlock": True, "numa_nodes": 2,
}  # fmt: skip
SPEED = Objective("decode_tokens_per_second")
CRASHES, NOISE = 0.05, 0.03
GOALS_MS = {300: 50.0, 3000: 200.0}


def large_space() -> SearchSpace:
    """All knobs of the language model's space on a machine with two GPUs."""
    return load_template("llm").bind(FACTS)


def result(number: int, params: Params, rng: random.Random) -> TrialResult:
    """A trial on a machine on which each value of each knob has an effect of its own."""
    if rng.random() < CRASHES:
        return TrialResult(number, params, TrialStatus.CRASHED, "killed by signal 11")
    effects = [zlib.crc32(f"{name}={value}".encode()) / 2**32 - 0.5 for name, value in params.items()]
    kld = 0.001 + 0.1 * (zlib.crc32(str(params.get("quantization")).encode()) / 2**32) ** 2
    speed = 50.0 * math.exp(0.3 * sum(effects) + rng.gauss(0, NOISE))
    metrics = {SPEED.metric: MetricValue(speed, None, "tok/s"), "kld": MetricValue(kld, None, "nat")}
    slack = (kld - 0.05) / 0.05
    status = TrialStatus.INFEASIBLE if slack > 0 else TrialStatus.OK
    return TrialResult(number, params, status, metrics=metrics, violations={"kld": slack}, rounds=2)


def proposal_times(space: SearchSpace, trials: int, proposals: int, seed: int = 0) -> list[float]:
    """Seconds of one processor that each of the proposals takes which come after so many finished trials."""
    rng = random.Random(seed)
    observations = Observations(space, [SPEED], constraints=[Constraint("kld", 0.05)])
    sampler = TunerSampler(space, objectives=[SPEED], seed=seed, observations=observations)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for number in range(trials):
        params = dict(space.baseline) if number == 0 else space.random(rng)
        observations.add(result(number, params, rng))
    sampler.proposal(study)  # what is done once, such as looking at how large the space is
    times = []
    for number in range(trials, trials + proposals):
        observations.add(result(number, space.random(rng), rng))
        begin = time.process_time()
        trial = study.ask()
        params = suggest(trial, space)
        times.append(time.process_time() - begin)
        for name, value in attributes(params, "search", None, {}).items():
            trial.set_user_attr(name, value)
        told = replace(result(number, params, rng), number=trial.number)
        tell(study, trial, told, [SPEED])
        observations.add(told)
    return times


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=list(GOALS_MS))
    parser.add_argument("--proposals", type=int, default=20)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = large_space()
    print(f"{space.name}: {len(space.parameters)} knobs are searched\n")
    print("| trials | proposals | median | slowest | goal |\n| --- | --- | --- | --- | --- |")
    for trials in options.trials:
        times = sorted(1000 * seconds for seconds in proposal_times(space, trials, options.proposals))
        goal = f"{GOALS_MS[trials]:.0f} ms" if trials in GOALS_MS else "–"
        print(f"| {trials} | {len(times)} | {statistics.median(times):.0f} ms | {times[-1]:.0f} ms | {goal} |")


if __name__ == "__main__":
    main()
