"""The state of a whole proof: the tournament, the ablation of its winner, and the tournament of the reduced winner."""

from __future__ import annotations

from dataclasses import dataclass

from tuner.tournament.ablation import AblationState
from tuner.tournament.state import TournamentState


@dataclass(frozen=True)
class ProofState:
    """Kept on disk after each block; what comes later is None until it begins.

    `told` says that there was a verdict without the ablation, for which there had been no time.
    """

    tournament: TournamentState
    ablation: AblationState | None = None
    reduced: TournamentState | None = None
    told: bool = False
