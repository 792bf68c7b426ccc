"""The state of a tournament, whole and as plain data: kept on disk after each block, and gone on with from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from tuner.core.objective import Constraint, beside
from tuner.core.study_config import Budget
from tuner.core.trial import TrialResult
from tuner.tournament.candidate import Candidate
from tuner.tournament.pairs import Pairs
from tuner.tournament.rounds import Played, Player

Ended = Literal["", "decided", "time"]


@dataclass(frozen=True)
class BegunFor:
    """What a tournament was begun for: it goes on only in a study of as many trials and of the same budget.

    `exhausted` says that nothing was left to try, and `others_tried` that a configuration beside the default was
    measured: without finalists none came near.
    """

    trials: int
    budget: Budget
    exhausted: bool = False
    others_tried: bool = False


@dataclass(frozen=True)
class TournamentState:
    """Everything that a tournament's next step and its verdict follow from, beside the study's trials.

    `dropped` maps who rests to the blocks that were played by then, `interim_analyses` are the numbers of pairs at
    which one was taken that did not end it. `proven_early` says that an interim analysis proved a gain, and `ended` why
    no further block is played, beside the pairs being used up or nobody being left. `quality` is of those who play on
    what is held out, by trial; {} where nothing is. `stock` is the number of the trial that is what people run, which
    plays for its ratio alone unless `stock_may_win`. `vetoed` are those that broke a limit on what is held out.
    """

    begun_for: BegunFor
    objective: str
    pairs: Pairs
    baseline: Player
    finalists: tuple[Player, ...]
    baseline_ran: bool = True
    played: Played = field(default_factory=Played)
    dropped: Mapping[int, int] = field(default_factory=dict)
    interim_analyses: tuple[int, ...] = ()
    proven_early: bool = False
    ended: Ended = ""
    quality: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    stock: int | None = None
    vetoed: Mapping[int, str] = field(default_factory=dict)
    stock_may_win: bool = True

    @property
    def spent_s(self) -> float:
        """What the blocks took, in earlier runs too."""
        return sum(block.took_s for block in self.played.blocks)

    def stands(self, player: Player) -> bool:
        """Whether `player` plays the next block, if there is one."""
        return player.number not in self.played.failures and player.number not in self.dropped


def begun(
    begun_for: BegunFor,
    objective: str,
    pairs: Pairs,
    baseline: TrialResult,
    finalists: Sequence[TrialResult],
    quality: Mapping[int, Mapping[str, float]] | None = None,
    stock: int | None = None,
    vetoed: Mapping[int, str] | None = None,
    stock_may_win: bool = True,
) -> TournamentState:
    """The state of a tournament before its first block. A default that did not run in the search does not play."""
    home, *others = (Player(t.number, t.params) for t in (baseline, *finalists))
    ran = bool(baseline.metrics)
    played = Played() if ran else Played(failures={home.number: baseline.reason or str(baseline.status)})
    return TournamentState(
        begun_for, objective, pairs, home, tuple(others), ran, played,
        quality=quality or {}, stock=stock, vetoed=vetoed or {}, stock_may_win=stock_may_win,
    )  # fmt: skip


def next_players(state: TournamentState) -> tuple[Player, ...]:
    """Who plays the next block; () when there is none.

    It ends when it is decided, when the time or the pairs are used up, when no finalist is left, and when the default
    fails that ran in the search.
    """
    lost = state.baseline_ran and state.baseline.number in state.played.failures
    over = bool(state.ended) or lost or len(state.played.blocks) >= state.pairs.end
    standing = tuple(p for p in (state.baseline, *state.finalists) if state.stands(p))
    return () if over or not any(p is not state.baseline for p in standing) else standing


def _on_what_is_held_out(trial: TrialResult, quality: Mapping[int, Mapping[str, float]]) -> TrialResult:
    """The trial with the quality that binds."""
    return replace(trial, quality=quality[trial.number]) if trial.number in quality else trial


def candidates(
    state: TournamentState, trials: Mapping[int, TrialResult], constraints: tuple[Constraint, ...]
) -> tuple[Candidate, list[Candidate]]:
    """The default and the finalists as they have played; `trials` are the study's, by number."""
    home = _on_what_is_held_out(trials[state.baseline.number], state.quality)
    constraints = beside(constraints, home.quality)
    baseline, *finalists = (
        Candidate(
            trial=_on_what_is_held_out(trials[player.number], state.quality),
            metric=state.objective,
            constraints=constraints,
            rounds=state.played.rounds(player.number),
            failure=state.played.failures.get(player.number, ""),
            dropped=player.number in state.dropped,
        )
        for player in (state.baseline, *state.finalists)
    )
    return baseline, finalists
