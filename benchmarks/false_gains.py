"""How often something is found where there is nothing: simulated sweeps of a space in which all is equally fast.

    python -m benchmarks.false_gains [--sweeps 200]

Prints a row for each kind of machine: one where all processes are alike, ones where a process differs from the next by
some per cent, which rounds within a process never show, ones that are an eighth faster or slower for seconds at a time
for what uses several threads, as virtual machines were seen to be, and one that others use as well. A false gain in at
most 5 % of sweeps is what the tournament's test promises. A second table tells how often a change that brings
nothing is shown to matter in an ablation, and is deployed for it; that is tested at one in twenty.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.problem import Problem
from benchmarks.replayed_study import replayed
from benchmarks.synthetic import flat
from benchmarks.world import Bias, Surface, Switching
from tuner.core.objective import Objective
from tuner.core.params import count_changes
from tuner.measure.host.host_noise import HostNoise
from tuner.tournament.ablation import AblationState, idle, play
from tuner.tournament.rounds import Player
from tuner.tournament.set_back import set_backs

ROUNDS_DIFFER = 0.02
LOADS_DIFFER = (0.0, 0.012, 0.03, 0.06, 0.12)
SWITCHING_BY, DWELLS_S = 0.125, ((5.0, 20.0), (20.0, 40.0))
"""As seen for two threads on two virtual cores: 4000 or 3100 tok/s, for 5 to 20 s, now and then for longer."""
BURSTS, BURST_BY, BURST_NOISE = 0.3, (0.05, 0.6), HostNoise(others_cores=0.5)
"""Others take a core in so many rounds, and slow them down by so much (logarithm)."""
SHARE = 0.6
"""Of the grid's time, for a sweep: a quarter of the space is tried, and the tournament takes its time."""
_DRAWN = 500
HEAD = "| machine | sweeps | gains found | share |\n| --- | --- | --- | --- |"
CHANGES_HEAD = "| machine | changes | shown to matter | share |\n| --- | --- | --- | --- |"


@dataclass(frozen=True)
class Row:
    """What was found on one kind of machine in so many tries, where there was nothing to find."""

    machine: str
    tries: int
    found: int

    @property
    def share(self) -> float:
        """Of the tries."""
        return self.found / self.tries

    def line(self) -> str:
        """For the table."""
        return f"| {self.machine} | {self.tries} | {self.found} | {100 * self.share:.1f} % |"


def named(loads_differ: float, switching: Switching | None, bursts: float = 0.0) -> str:
    """A kind of machine."""
    if switching is None:
        others = f", others disturb {100 * bursts:.0f} % of rounds" if bursts else ""
        return f"processes differ by {100 * loads_differ:.1f} %{others}"
    return f"an eighth faster or slower for {switching.dwell_s[0]:.0f} to {switching.dwell_s[1]:.0f} s"


def flat_problem(
    loads_differ: float, seed: int = 0, switching: Switching | None = None, bursts: float = 0.0
) -> Problem:
    """The flat space where processes differ by so much (standard deviation of the logarithm), and rounds by 2 %.

    Others slow down `bursts` of the rounds, and the host's noise shows it.
    """
    surface, rng = Surface(flat(seed), switching), random.Random(seed)
    for group, residuals in surface.rounds.items():
        quiet = next(r for r in residuals if not r.noise.disturbed)
        surface.rounds[group] = [
            replace(quiet, decode=rng.gauss(0, ROUNDS_DIFFER), prefill=rng.gauss(0, ROUNDS_DIFFER))
            for _ in range(_DRAWN)
        ]
        for at in range(round(bursts * _DRAWN)):
            by = rng.uniform(*BURST_BY)
            surface.rounds[group][at] = replace(quiet, decode=by, prefill=by, noise=BURST_NOISE)
        surface.biases[group] = [Bias(rng.gauss(0, loads_differ), rng.gauss(0, loads_differ)) for _ in range(_DRAWN)]
    return Problem(surface, Objective("decode_tokens_per_second"), {"kld": 0.05})


def false_gains(
    loads_differ: float, seeds: Sequence[int], switching: Switching | None = None, bursts: float = 0.0
) -> Row:
    """One sweep for each seed."""
    problem = flat_problem(loads_differ, switching=switching, bursts=bursts)
    limit_s = SHARE * problem.exhaustive_s
    gains = sum(replayed(problem, seed, limit_s).run().verdict == "gain" for seed in seeds)
    return Row(named(loads_differ, switching, bursts), len(seeds), gains)


def false_effects(loads_differ: float, seeds: Sequence[int]) -> Row:
    """One ablation for each seed, of the configuration that changes most knobs of the space."""
    problem = flat_problem(loads_differ)
    space = problem.space
    grid = [trial.params for trial in problem.surface.recording.trials]
    winner = max(grid, key=lambda p: count_changes(p, space.baseline))
    alone = tuple(set_backs(space, winner, space.baseline))
    effects = changes = 0
    for seed in seeds:
        executor = replayed(problem, seed, problem.exhaustive_s).prepared.executor()
        begun = AblationState(problem.objective.metric, Player(0, winner), alone)
        played = play(begun, executor, (), lambda: math.inf)
        changes += len(alone)
        effects += len(alone) - len(idle(played, ()))
    return Row(named(loads_differ, None), changes, effects)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=200, help="for each row")
    options = parser.parse_args()
    print(HEAD, flush=True)
    for differ in LOADS_DIFFER:
        print(false_gains(differ, range(options.sweeps)).line(), flush=True)
    for dwell_s in DWELLS_S:
        print(false_gains(0.012, range(options.sweeps), Switching(SWITCHING_BY, dwell_s)).line(), flush=True)
    print(false_gains(0.03, range(options.sweeps), bursts=BURSTS).line(), flush=True)
    print(f"\n{CHANGES_HEAD}", flush=True)
    for differ in LOADS_DIFFER:
        print(false_effects(differ, range(options.sweeps)).line(), flush=True)


if __name__ == "__main__":
    main()
