"""What one run of a configuration measures, as plain data that could be sent to another machine."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from tuner.core.objective import Constraint
from tuner.measure.pruning import Pruner, fixed_rounds

WarmUp = Literal["until_steady", "brief", "first_item", "whole_pass"]
"""A pass before the rounds: rounds until two of them agree, the workload's first item, or all of its items.

`brief` is the first item too, for a search whose rounds take seconds: its first round ends at the pruner's deadline.
What compiles lazily gets a whole pass that is not held against it, whatever is planned.
"""
Inspection = Literal["in_force", "profile"]
"""What a session can be asked about itself, beside being timed."""
RepeatDisturbed = Literal["never", "same_process", "new_process"]
"""Whether a round that others disturbed is played again, where the executor's allowance permits, and in what."""


@dataclass(frozen=True)
class MeasurementPlan:
    """One load and the rounds after it.

    `pruner` says how many rounds there are and when a configuration is pruned. Without `quality` it is neither judged
    nor are limits on it. Judging may end once one of `judging_limits` cannot be kept; None stands for the study's own
    limits, and without any it is judged to the end. A `cold_load` is from a file out of the page cache, where the
    system allows it, and counts as `load_s`, any other as `load_cached_s`; `cached_load_too` adds a second load, in a
    process of its own, for that.
    A run that breaks one of `limits`, which are beside the study's own, is not judged: it cannot win, and judging may
    take longer than all else. Once `time_left_s` seconds have passed since the run began, the round that counts next is
    the last one.
    """

    pruner: Pruner
    warm_up: WarmUp = "until_steady"
    quality: bool = True
    cold_load: bool = False
    cached_load_too: bool = False
    inspect: tuple[Inspection, ...] = ()
    time_left_s: float = math.inf
    repeat_disturbed: RepeatDisturbed = "same_process"
    limits: tuple[Constraint, ...] = ()
    judging_limits: tuple[Constraint, ...] | None = None


LONG_ROUND_S = 2.0
"""The baseline's, from which on the first item warms up as well as a whole round, and one round is measured: what is
slow at first (pages of the model, caches, clocks) takes a second, and within a process rounds agree to 2 % where
processes differ by more. Another configuration tells more than another round; the best are measured again."""


def search_plan(
    pruner: Pruner, cold_load: bool = False, time_left_s: float = math.inf, round_s: float = 0.0
) -> MeasurementPlan:
    """A trial of the search: rounds until the pruner has enough of them, and quality of what is not pruned.

    `round_s` is how long a round of the baseline takes: of long ones a single one is enough.
    """
    if round_s < LONG_ROUND_S:
        return MeasurementPlan(pruner, cold_load=cold_load, time_left_s=time_left_s)
    once = replace(pruner, rounds_least=1, rounds_most=1)
    return MeasurementPlan(once, "brief", cold_load=cold_load, time_left_s=time_left_s)


def hurried_plan(time_left_s: float = math.inf) -> MeasurementPlan:
    """A trial of the search on a machine that is never quiet: one round, and none again.

    Rounds differ there by more than configurations do, so that many configurations measured once tell more than a few
    measured well; the tournament's pairs decide.
    """
    return MeasurementPlan(fixed_rounds(1), "first_item", time_left_s=time_left_s, repeat_disturbed="never")


def drift_plan(pruner: Pruner, time_left_s: float = math.inf) -> MeasurementPlan:
    """The baseline measured again during a search, to see how the machine's own speed changes."""
    return MeasurementPlan(pruner, quality=False, time_left_s=time_left_s)


def single_round_plan(cold_load: bool = False, repeat_disturbed: RepeatDisturbed = "never") -> MeasurementPlan:
    """One round in a process of its own: for a pair of a tournament, or a trial of the search measured again."""
    return MeasurementPlan(
        fixed_rounds(1), "first_item", quality=False, cold_load=cold_load, repeat_disturbed=repeat_disturbed
    )


def bench_plan(pruner: Pruner, with_profile: bool = False) -> MeasurementPlan:
    """One configuration measured without a search: both loads, what is in force, and (`with_profile`) its profiles."""
    inspect: tuple[Inspection, ...] = ("in_force", "profile") if with_profile else ("in_force",)
    return MeasurementPlan(pruner, cold_load=True, cached_load_too=True, inspect=inspect, judging_limits=())
