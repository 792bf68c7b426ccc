"""What a study's end says, in one sentence for the terminal, the report and MLflow."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

from search_spaces.parameter import Value
from tuner.core.explanation import Ablation, Change
from tuner.core.metrics import in_words, metric
from tuner.core.objective import Objective, best
from tuner.core.stats import RatioTest
from tuner.core.trial import TrialResult
from tuner.tournament.document import FinalistDocument, TournamentDocument

HIDDEN = 1.03
"""Where the best finalist's interval reaches beyond this, a gain worth having is not ruled out."""


def sentence(document: TournamentDocument) -> str:
    """The verdict of a tournament that has a winner."""
    objective, pairs, finalists = document.objective, document.pairs, document.finalists
    noun = in_words(objective)
    if document.winner is None:
        return "no configuration finished the tournament within the constraints"
    if document.verdict == "keep_default":
        if not pairs:
            return (
                f"keep the default: no other trial came near its {noun} within the constraints, "
                "so there was no tournament"
            )
        better = "higher" if metric(objective).direction == "maximize" else "lower"
        able = [(f, test) for f in finalists if (test := f.test) and not f.failure and not f.breaks and not f.refused]
        if not able:
            return f"keep the default: every finalist failed or broke a limit when measured again ({_out(finalists)})"
        nearest, test = max(able, key=lambda pair: pair[1].ratio)
        keep = f"keep the default: no finalist has a significantly {better} {noun} over {test.pairs} pairs"
        return f"{keep} ({_how_near(nearest.number, test)})"
    if document.verdict == "undecided":
        return f"undecided, so the default stays: {_why_undecided(document)}"
    winner = document.winning_finalist
    if winner is None or (test := winner.test) is None:
        return f"trial {document.winner} is the best configuration that runs; the default does not run here"
    low, high = test.ci95
    proof = f"95 % interval {low:.2f} to {high:.2f}, {test.pairs} pairs"
    if document.verdict == "gain":
        found = f"trial {winner.number} is {test.ratio:.2f} times as good as the default in {objective} ({proof})"
        return found + _against_stock(document) + _what_got_worse(winner)
    return (
        f"trial {winner.number} is the best that meets the constraints, which the default does not; "
        f"its {noun} is {test.ratio:.2f} times as good as the default's ({proof})"
    )


def _why_undecided(document: TournamentDocument) -> str:
    if document.baseline.failure:
        return document.baseline.failure
    played = [(f.number, test) for f in document.finalists if (test := f.test) and not f.failure]
    if not played:
        return "no finalist finished enough pairs" if document.finalists else "no other configuration was measured"
    number, test = max(played, key=lambda pair: pair[1].ratio)
    low, high = test.ci95
    return (
        f"too noisy to tell; the best, trial {number}, is ×{test.ratio:.2f} after {test.pairs} pairs, "
        f"95 % interval {low:.2f} to {high:.2f}; quieten the machine, or raise budget.tournament_pairs_most"
    )


def _against_stock(document: TournamentDocument) -> str:
    """How the winner compares with what people run who tune nothing."""
    stock = document.stock
    if stock is None:
        return ""
    if stock.number == document.winner:
        return "; it is what people run, and nothing was proven better than that: keep it"
    if stock.test is None:
        return ""
    (low, high), ratio = stock.test.ci95, stock.test.ratio
    return f"; against what people run (trial {stock.number}) ×{ratio:.2f} ({low:.2f} to {high:.2f})"


def _what_got_worse(winner: FinalistDocument) -> str:
    worse = [f"{f.metric} ×{f.ratio:.2f}" for f in winner.felt if f.verdict == "worse"]
    return f"; worse: {', '.join(worse)}" if worse else ""


def refusals(document: TournamentDocument) -> list[str]:
    """A line for each finalist that was faster than the winner and refused by a guard, with the trade."""
    best = document.winning_finalist
    least = best.ratio if best and best.ratio else 1.0
    played = (*(document.selection.finalists if document.selection else ()), *document.finalists)
    return [
        f"trial {f.number} is ×{f.ratio:.2f} in {document.objective}, but {f.refused}"
        for f in {f.number: f for f in played}.values()
        if f.refused and f.ratio and f.ratio > max(1.0, least)
    ]


def ablation_lines(document: Ablation) -> list[str]:
    """What a person should know of the changes that were not shown to matter."""
    idle_ones = [c for c in document.changes if c.played and not c.shown]
    unknown = [c for c in document.changes if not c.played]
    lines = []
    if idle_ones and document.deployed != document.winner:
        lines.append(f"back at the default, because nothing is shown to be lost without: {_named(idle_ones)}")
    elif idle_ones:
        lines.append(
            "not shown to matter singly, and kept, because nothing with fewer changes is proven as good: "
            + _named(idle_ones)
        )
    if unknown:
        lines.append(f"there was no time to show that these matter, rerun to find out: {_named(unknown)}")
    return lines


def _named(changes: Sequence[Change]) -> str:
    """`use_mlock=on (×1.00, 0.98 to 1.02), n_batch=1024 …`."""
    told = []
    for change in changes:
        values = " ".join(f"{name}={_text(value)}" for name, (_, value) in change.changed.items())
        interval = f", {change.ci95[0]:.2f} to {change.ci95[1]:.2f}" if change.ci95 else ""
        told.append(values + (f" (×{change.ratio:.2f}{interval})" if change.ratio is not None else ""))
    return ", ".join(told)


def _text(value: Value | None) -> str:
    """As it is typed on the command line."""
    return "unset" if value is None else json.dumps(value).strip('"')


def _out(finalists: Sequence[FinalistDocument]) -> str:
    """Why each finalist cannot win."""
    return ", ".join(f"trial {f.number}: {f.failure or f.breaks or f.refused}" for f in finalists)


def _how_near(number: int, test: RatioTest) -> str:
    """How near the best finalist came, so that no gain and a gain that noise hid are told apart."""
    low, high = test.ci95
    hidden = f"; noise may hide a gain of up to {100 * (high - 1):.0f} %" if high > HIDDEN else ""
    return f"the best, trial {number}, is ×{test.ratio:.3f}, 95 % interval {low:.3f} to {high:.3f}{hidden}"


def nothing_feasible(trials: Sequence[TrialResult]) -> str:
    """The commonest reason why no trial may be deployed; reasons that differ in figures only count as one."""
    kinds: dict[str, list[str]] = {}
    for trial in trials:
        reason = trial.reason.split(";")[0] or str(trial.status)
        kinds.setdefault(re.sub(r"\d[\d.e+-]*", "#", reason), []).append(reason)
    common = max(kinds.values(), key=len)
    return f"no feasible configuration among {counted(len(trials))}; most often ({len(common)}): {common[0]}"


def interrupted(trials: Sequence[TrialResult], objective: Objective) -> str:
    """What is kept, and what was found until then."""
    if not trials:
        return "interrupted before the first trial had finished; rerun to start over"
    kept = f"interrupted: {counted(len(trials), 'finished ')} kept; rerun to continue"
    leader = best(list(trials), objective)
    if leader is None:
        return kept
    found = f"trial {leader.number} with {objective.metric} {leader.value(objective.metric):.4g}"
    return f"{kept}; best so far, not proven: {found}"


def statuses(trials: Sequence[TrialResult]) -> dict[str, int]:
    """How many trials ended in which status."""
    return dict(Counter(str(t.status) for t in trials))


def counted(trials: int, kind: str = "") -> str:
    """`1 trial`, `12 finished trials`."""
    return f"{trials} {kind}trial{'s' * (trials != 1)}"
