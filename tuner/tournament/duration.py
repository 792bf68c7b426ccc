"""How long rounds of a tournament will take, at the pace that their configurations had in the search."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from search_spaces.parameter import Params
from tuner.core.trial import TrialResult

REPLAYED_SHARE = 0.5
"""Rounds that others disturb are played again, as many as this share of the least number of rounds."""
WARM_UP_SHARE = 0.5
"""Of a round, what warming up by its first item takes at the most, for estimates."""


def tournament_s(
    baseline: TrialResult,
    finalists: Sequence[TrialResult],
    pairs_least: int,
    compiles_lazily: Callable[[Params], bool],
) -> float:
    """How long the least pairs will take; those that others disturb come again."""
    playing = [t for t in (baseline, *finalists) if t.metrics]
    plays = [1 + min(REPLAYED_SHARE, t.host_noise.get("disturbed_share", 0.0)) for t in playing]
    lasting = [round_s(t, compiles_lazily(t.params)) for t in playing]
    return pairs_least * sum(share * seconds for share, seconds in zip(plays, lasting, strict=True))


def ablation_s(
    baseline: TrialResult, winner: TrialResult, players: int, blocks: int, compiles_lazily: Callable[[Params], bool]
) -> float:
    """How long so many blocks of the winner and what it is without single changes take.

    A round of those is halfway between the default's and the winner's.
    """
    return players * blocks * sum(round_s(t, compiles_lazily(t.params)) for t in (baseline, winner)) / 2


def round_s(trial: TrialResult, compiles_lazily: bool) -> float:
    """How long one round of a trial will take in a process of its own, loading and warming up included."""
    warm_up_s = _first_pass_s(trial) if compiles_lazily else WARM_UP_SHARE * trial.round_s
    return warm_up_s + trial.round_s + _load_s(trial)


def _first_pass_s(trial: TrialResult) -> float:
    return max(trial.round_s, trial.rounds_s - trial.round_s * (trial.host_noise.get("rounds", 1) - 1))


def _load_s(trial: TrialResult) -> float:
    """What loading a trial's process took, starting it included: all that the engine did but rounds and judging.

    Making its model file, which is found made from then on, is not the engine's.
    """
    rounds_s = trial.rounds_s or trial.round_s * trial.host_noise.get("rounds", trial.rounds + 1)
    return max(trial.value("load_cached_s") or 0.0, trial.engine_s - trial.quality_s - rounds_s)
