"""What a space costs of which half fails: crashes, or what does not fit into memory, in a region or scattered.

    python -m benchmarks.failures [--seeds 20]

Prints for each space: in how many sweeps the answer is within 3 % of the best, how many failing configurations a sweep
runs into, how many of them twice, and the share of its time that went into them. The first row is the same space with
nothing failing.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.problem import NEAR, Problem
from benchmarks.recording import Recording
from benchmarks.replayed_study import replayed
from benchmarks.synthetic import cpu_like, failing_half, gpu_like
from benchmarks.world import Surface
from tuner.core.objective import Objective
from tuner.core.params import key
from tuner.core.trial import TrialStatus

SHARE = 0.10
MEASURED = (TrialStatus.OK, TrialStatus.PRUNED, TrialStatus.INFEASIBLE)
HEAD = (
    "| space | fails | sweeps | right | verdict: gain | failing trials | twice | wasted |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)


@dataclass(frozen=True)
class Row:
    """Sweeps of one space; `failing` and `wasted` are means over them."""

    name: str
    fails: float
    sweeps: int
    right: float
    gains: float
    failing: float
    twice: int
    wasted: float

    def line(self) -> str:
        """For the table."""
        return (
            f"| {self.name} | {100 * self.fails:.0f} % | {self.sweeps} | {100 * self.right:.0f} % | "
            f"{100 * self.gains:.0f} % | {self.failing:.1f} | {self.twice} | {100 * self.wasted:.1f} % |"
        )


def swept(recording: Recording, seeds: Sequence[int], share: float = SHARE) -> Row:
    """Sweeps in a share of the grid's time each."""
    problem = Problem(Surface(recording), Objective("decode_tokens_per_second"), {"kld": 0.05})
    right = gains = failing = twice = 0
    wasted_s = spent_s = 0.0
    for seed in seeds:
        study = replayed(problem, seed, share * problem.exhaustive_s)
        outcome = study.run()
        answer = outcome.deploy.params if outcome.deploy else None
        right += problem.regret(answer) <= NEAR
        gains += outcome.verdict == "gain"
        failed = [t for t in study.trials if t.status not in MEASURED]
        failing += len(failed)
        twice += sum(count - 1 for count in Counter(key(t.params) for t in failed).values())
        wasted_s, spent_s = wasted_s + sum(t.wall_s for t in failed), spent_s + study.clock()
    fails = len(problem.surface.failing) / len(recording.trials)
    count = len(seeds)
    return Row(recording.name, fails, count, right / count, gains / count, failing / count, twice, wasted_s / spent_s)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    print(HEAD, flush=True)
    for recording in (cpu_like(), failing_half("region"), failing_half("scattered"), gpu_like()):
        print(swept(recording, range(options.seeds)).line(), flush=True)


if __name__ == "__main__":
    main()
