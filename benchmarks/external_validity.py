"""Whether verdicts hold elsewhere: sweeps of published models, whose winners then play on material that nobody used.

    python -m benchmarks.external_validity [NAME…] [--sweeps 1] [--override OVERRIDE…] [--json FILE]

For each published model (`python -m tuner models` lists them, and fetches them first) this runs default sweeps with
different seeds. The winner then plays the library's defaults and what people run, in interleaved blocks of rotated
order, on speech, requests or sentences of `benchmarks/unseen`, which no sweep sees. A verdict holds where the ratio
that was published and the one found there do not exclude each other, no metric that a person feels is worse by over
5 %, and word errors are within a point. Prints a row for each sweep, those that do not hold first.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.unseen.material import write_lines, write_speech
from engines.published.catalogue import published
from engines.published.places import path_of
from search_spaces.parameter import Params
from tuner.cli.config.compose import compose
from tuner.core.guards import FACTOR, felt
from tuner.core.metrics import metrics_of
from tuner.core.objective import Objective
from tuner.core.stats import RatioTest
from tuner.core.trial import TrialResult, TrialSpec, TrialStatus
from tuner.measure.preparation import Prepared, prepare
from tuner.tournament.candidate import Candidate, compared
from tuner.tournament.rounds import Played, Player, Rules, play_block
from tuner.tournament.vetting import PLAN

BLOCKS = 8
WORD_ERROR_POINT = 0.01
LIBRARY, STOCK, WINNER = range(3)


@dataclass(frozen=True)
class Subject:
    """A published model in an engine. `overrides` choose it; its option is the one that names a user's own material."""

    task: str
    overrides: tuple[str, ...]
    option: str


SUBJECTS = {
    "whisper-tiny.en": Subject("stt", ("model=whisper-tiny.en",), "workload.audio"),
    "faster-whisper": Subject("stt", ("engine=faster_whisper", "model=whisper-tiny.en"), "workload.audio"),
    "smollm2-135m": Subject("llm", ("model=smollm2-135m",), "workload.prompts"),
    "gemma3-270m": Subject("llm", ("model=gemma3-270m",), "workload.prompts"),
    "kokoro": Subject("tts", ("engine=kokoro", "model=kokoro-v1.0-int8"), "workload.sentences"),
    "piper": Subject("tts", ("engine=piper", "model=piper-joe"), "workload.sentences"),
}


@dataclass(frozen=True)
class Verdict:
    """One sweep, and what became of it elsewhere. Ratios are in the objective, above 1 is better.

    `felt` are the ratios of what a person notices, to the library's defaults; `quality` is winner and default.
    """

    model: str
    seed: int
    objective: str
    claimed: float
    claimed_ci95: tuple[float, float] | None
    there: float
    there_ci95: tuple[float, float]
    stock: float | None
    stock_ci95: tuple[float, float] | None
    felt: Mapping[str, float]
    quality: Mapping[str, tuple[float, float]]
    changed: Mapping[str, Any]
    summary: str

    @property
    def misses(self) -> list[str]:
        """Why it does not hold; nothing where it does."""
        low, high = self.claimed_ci95 or (1.0, 1.0)
        found = []
        if self.there_ci95[1] < low or self.there_ci95[0] > high:
            found.append(f"×{self.there:.2f} where ×{self.claimed:.2f} was claimed")
        found += [f"{name} ×{ratio:.2f}" for name, ratio in self.felt.items() if ratio < 1 / FACTOR]
        if "wer" in self.quality and self.quality["wer"][0] > self.quality["wer"][1] + WORD_ERROR_POINT:
            found.append(f"word error {100 * self.quality['wer'][1]:.1f} → {100 * self.quality['wer'][0]:.1f} %")
        return found


def sweep(subject: Subject, seed: int, overrides: Sequence[str], outputs: Path) -> dict[str, Any]:
    """The document of a default sweep."""
    command = [sys.executable, "-m", "tuner", "sweep", subject.task, *subject.overrides, *overrides]
    command += [f"seed={seed}", f"outputs={outputs}", "tracking=false", f"study=seed-{seed}", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"the sweep ended with exit status {done.returncode}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def referee(name: str, subject: Subject, seed: int, document: Mapping[str, Any], material: Path) -> Verdict:
    """Play the winner against the library's defaults and what people run, on material that nobody used."""
    config = compose(subject.task, [*subject.overrides, f"{subject.option}={material}"])
    prepared = prepare(config, lambda text: print(f"… {text}", file=sys.stderr)).for_proof
    space, deploy = prepared.space, document["deploy"]
    players = {LIBRARY: space.baseline, WINNER: deploy["params"]}
    if (stock := space.stock_configuration()) != dict(space.baseline):
        players[STOCK] = stock
    candidates = play(prepared, players)
    objective = Objective(deploy["gain"]["objective"])
    test = _test(candidates, WINNER, LIBRARY, objective)
    assert test is not None, "the library's defaults did not run"
    against = _test(candidates, WINNER, STOCK, objective) if STOCK in candidates else None
    names = felt(metrics_of(subject.task, prepared.engine.name).values())
    ratios = {n: t.ratio for n in names if (t := _test(candidates, WINNER, LIBRARY, Objective(n)))}
    judged = {number: quality(prepared, players[number]) for number in (WINNER, LIBRARY)}
    both = judged[WINNER].keys() & judged[LIBRARY].keys()
    changed = {k: v for k, v in deploy["params"].items() if space.baseline.get(k) != v}
    claimed = deploy["gain"]
    return Verdict(
        name, seed, objective.metric, claimed["ratio"] or math.nan, _pair(claimed["ci95"]), test.ratio, test.ci95,
        against.ratio if against else None, against.ci95 if against else None, ratios,
        {n: (judged[WINNER][n], judged[LIBRARY][n]) for n in sorted(both)}, changed, document["summary"],
    )  # fmt: skip


def play(prepared: Prepared, players: Mapping[int, Params]) -> dict[int, Candidate]:
    """The players after `BLOCKS` interleaved blocks."""
    executor, metric = prepared.executor(), prepared.objectives[0].metric
    standing, played = [Player(number, params) for number, params in players.items()], Played()
    for block in range(BLOCKS):
        print(f"… referee: block {block + 1} of {BLOCKS}", file=sys.stderr)
        left = [p for p in standing if p.number not in played.failures]
        played = play_block(played, left, Rules(metric, BLOCKS), executor)
    return {
        p.number: Candidate(
            TrialResult(p.number, p.params, TrialStatus.OK), metric, rounds=played.rounds(p.number),
            failure=played.failures.get(p.number, ""),
        )
        for p in standing
    }  # fmt: skip


def quality(prepared: Prepared, params: Params) -> Mapping[str, float]:
    """Judged on the unseen material."""
    return prepared.executor().run(TrialSpec(-1, params, "bench"), replace(PLAN, judge_whole=True)).quality


def _test(candidates: Mapping[int, Candidate], mine: int, other: int, objective: Objective) -> RatioTest | None:
    return compared(candidates[mine], candidates[other], objective, BLOCKS)


def _pair(ci95: Any) -> tuple[float, float] | None:
    return None if ci95 is None else (ci95[0], ci95[1])


def material_of(subject: Subject, folder: Path) -> Path:
    """The unseen material for a task, made in `folder`."""
    if subject.task == "stt":
        return write_speech(folder / "speech", path_of(published("piper-joe")))
    kind = "prompts" if subject.task == "llm" else "sentences"
    return write_lines(folder / f"{kind}.txt", kind)


def table(verdicts: Sequence[Verdict]) -> list[str]:
    """Markdown rows, those that do not hold first."""
    rows = [
        "| model | seed | claimed | there | against stock there | felt, worst | quality (winner / default) | holds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for v in sorted(verdicts, key=lambda v: not v.misses):
        worst = min(v.felt.items(), key=lambda pair: pair[1], default=("", math.nan))
        wanted = {n: pair for n, pair in v.quality.items() if n in ("wer", "failed_clips", "kld", "mel_distance_db")}
        judged = ", ".join(f"{n} {a:.3g} / {b:.3g}" for n, (a, b) in wanted.items())
        claimed = "keep the default" if v.claimed_ci95 is None else _ratio(v.claimed, v.claimed_ci95)
        stock = "—" if v.stock is None or v.stock_ci95 is None else _ratio(v.stock, v.stock_ci95)
        holds = "yes" if not v.misses else "no: " + "; ".join(v.misses)
        there = _ratio(v.there, v.there_ci95)
        rows.append(
            f"| {v.model} | {v.seed} | {v.objective} {claimed} | {there} | {stock} | {worst[0]} ×{worst[1]:.2f} "
            f"| {judged} | {holds} |"
        )
    return rows


def _ratio(ratio: float, ci95: tuple[float, float]) -> str:
    return f"×{ratio:.2f} ({ci95[0]:.2f}–{ci95[1]:.2f})"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*SUBJECTS, []], metavar="NAME", help=", ".join(SUBJECTS))
    parser.add_argument("--sweeps", type=int, default=1, help="of each model, with seeds from --first-seed on")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--override", action="append", default=[], help="of the sweeps, such as budget.minutes=2")
    parser.add_argument("--json", type=Path, help="write the verdicts there too")
    given = parser.parse_args()
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in given.names or list(SUBJECTS):
            subject = SUBJECTS[name]
            material = material_of(subject, Path(folder))
            for seed in range(given.first_seed, given.first_seed + given.sweeps):
                document = sweep(subject, seed, given.override, Path(folder) / name)
                print(f"{name}, seed {seed}: {document['summary']}", flush=True)
                if document["deploy"]:
                    verdicts.append(referee(name, subject, seed, document, material))
                    print(f"  changed: {verdicts[-1].changed}", flush=True)
                    print("\n".join(table(verdicts[-1:])[2:]), flush=True)
                if given.json:
                    given.json.write_text(json.dumps([asdict(v) for v in verdicts], indent=1) + "\n")
    held = sum(not v.misses for v in verdicts)
    print("\n".join(["", *table(verdicts), "", f"{held} of {len(verdicts)} verdicts hold"]))


if __name__ == "__main__":
    main()
