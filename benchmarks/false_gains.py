"""How often a sweep finds a gain where there is none: simulated sweeps of a space in which all is equally fast.

    python -m benchmarks.false_gains [--sweeps 200]

Prints a row for each kind of machine: one where all processes are alike, and ones where a process differs from the next
by some per cent, which rounds within a process never show. A false gain in at most 5 % of sweeps is what the
tournament's test promises.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.problem import Problem
from benchmarks.replayed_study import replayed
from benchmarks.synthetic import flat
from benchmarks.world import Bias, Surface
from tuner.objective import Objective

ROUNDS_DIFFER = 0.02
LOADS_DIFFER = (0.0, 0.012, 0.03, 0.06, 0.12)
SHARE = 0.6
"""Of the grid's time, for a sweep: a quarter of the space is tried, and the tournament takes its time."""
_DRAWN = 500
HEAD = "| processes differ by | sweeps | gains found | share |\n| --- | --- | --- | --- |"


@dataclass(frozen=True)
class Row:
    """False gains on one kind of machine."""

    loads_differ: float
    sweeps: int
    gains: int

    @property
    def share(self) -> float:
        """Of the sweeps."""
        return self.gains / self.sweeps

    def line(self) -> str:
        """For the table."""
        return f"| {100 * self.loads_differ:.1f} % | {self.sweeps} | {self.gains} | {100 * self.share:.1f} % |"


def flat_problem(loads_differ: float, seed: int = 0) -> Problem:
    """The flat space where processes differ by so much (standard deviation of the logarithm), and rounds by 2 %."""
    surface, rng = Surface(flat(seed)), random.Random(seed)
    for group, residuals in surface.rounds.items():
        quiet = next(r for r in residuals if not r.noise.disturbed)
        surface.rounds[group] = [
            replace(quiet, decode=rng.gauss(0, ROUNDS_DIFFER), prefill=rng.gauss(0, ROUNDS_DIFFER))
            for _ in range(_DRAWN)
        ]
        surface.biases[group] = [Bias(rng.gauss(0, loads_differ), rng.gauss(0, loads_differ)) for _ in range(_DRAWN)]
    return Problem(surface, Objective("decode_tokens_per_second"), {"kld": 0.05})


def false_gains(loads_differ: float, seeds: Sequence[int]) -> Row:
    """One sweep for each seed."""
    problem = flat_problem(loads_differ)
    limit_s = SHARE * problem.exhaustive_s
    gains = sum(replayed(problem, seed, limit_s).run().verdict == "gain" for seed in seeds)
    return Row(loads_differ, len(seeds), gains)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=200, help="for each row")
    options = parser.parse_args()
    print(HEAD, flush=True)
    for differ in LOADS_DIFFER:
        print(false_gains(differ, range(options.sweeps)).line(), flush=True)


if __name__ == "__main__":
    main()
