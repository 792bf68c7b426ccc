"""Whether verdicts hold elsewhere: sweeps of published models, whose winners then play on material that nobody used.

    python -m benchmarks.external_validity [NAME…] [--sweeps 1] [--override OVERRIDE…] [--json FILE]

For each published model (`python -m tuner models` lists them, and fetches them first) this runs default sweeps with
different seeds: of speech on recordings of the user's own, of language models and synthesis on what ships. The winner
then plays the library's defaults and what people run, in interleaved blocks of rotated order, on speech, requests or
sentences of `benchmarks/unseen`, which the sweep did not see. A verdict holds where of the ratio that was published and
the one found there either lies in the other's interval, no metric that a person feels is worse by over 5 %, word errors
are within a point, and no more clips fail as a whole. Prints a row for each sweep, those that do not hold first.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
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
VOICE = "piper-joe"
"""Reads the speech, a published Piper voice."""
WORD_ERROR_POINT = 0.01
LIBRARY, STOCK, WINNER = range(3)
SAME = RatioTest(1.0, (1.0, 1.0), 1.0, 0)
"""Of the default against itself."""


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
class Claim:
    """What a sweep says: `params` is `ratio` times as good as the default; `ci95` is None where it is the default."""

    objective: str
    ratio: float
    ci95: tuple[float, float] | None
    params: Params
    summary: str


@dataclass(frozen=True)
class Verdict:
    """One sweep, and what became of it elsewhere. Ratios are in the objective, above 1 is better.

    `felt` are the ratios of what a person notices, to the library's defaults; `quality` is winner and default. `failed`
    says why it could not be judged, which is no verdict that holds.
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
    failed: str = ""

    @property
    def misses(self) -> list[str]:
        """Why it does not hold; nothing where it does.

        The ratio holds where either interval has the other's middle in it.
        """
        if self.failed:
            return [self.failed]
        low, high = self.claimed_ci95 or (1.0, 1.0)
        found = []
        if not (low <= self.there <= high or self.there_ci95[0] <= self.claimed <= self.there_ci95[1]):
            found.append(f"×{self.there:.2f} where ×{self.claimed:.2f} was claimed")
        found += [f"{name} ×{ratio:.2f}" for name, ratio in self.felt.items() if ratio < 1 / FACTOR]
        if "wer" in self.quality and self.quality["wer"][0] > self.quality["wer"][1] + WORD_ERROR_POINT:
            found.append(f"word error {100 * self.quality['wer'][1]:.1f} → {100 * self.quality['wer'][0]:.1f} %")
        if "failed_clips" in self.quality and self.quality["failed_clips"][0] > self.quality["failed_clips"][1]:
            found.append(f"failed clips {self.quality['failed_clips'][1]:.0%} → {self.quality['failed_clips'][0]:.0%}")
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
    prepared = prepare(config, _tell).for_proof
    deploy, gain = document["deploy"], document["deploy"]["gain"]
    claim = Claim(
        gain["objective"], gain["ratio"] or math.nan, _pair(gain["ci95"]), deploy["params"], document["summary"]
    )
    return elsewhere(prepared, name, seed, claim, _tell)


def nothing_deployed(name: str, seed: int, summary: str) -> Verdict:
    """Of a sweep that names no configuration: no verdict that holds."""
    one = (1.0, 1.0)
    return Verdict(name, seed, "", math.nan, None, 1.0, one, None, None, {}, {}, {}, summary, "nothing was deployed")


def elsewhere(
    prepared: Prepared, name: str, seed: int, claim: Claim, tell: Callable[[str], None] = lambda text: None
) -> Verdict:
    """What becomes of a claim on the material of `prepared`. To keep the default claims nothing that could fail."""
    space, objective = prepared.space, Objective(claim.objective)
    changed = {k: v for k, v in claim.params.items() if space.baseline.get(k) != v}
    players: dict[int, Params] = {LIBRARY: space.baseline}
    if changed:
        players[WINNER] = claim.params
    if (stock := space.stock_configuration()) != dict(space.baseline):
        players[STOCK] = stock
    candidates = play(prepared, players, tell) if len(players) > 1 else {}
    winner = WINNER if changed else LIBRARY
    failed = next((f"{c.failure} there" for n in (LIBRARY, winner) if (c := candidates.get(n)) and c.failure), "")
    test = (_test(candidates, WINNER, LIBRARY, objective) if changed and not failed else None) or SAME
    against = _test(candidates, winner, STOCK, objective) if STOCK in candidates else None
    names = felt(metrics_of(prepared.engine.task, prepared.engine.name).values()) if changed else []
    ratios = {n: t.ratio for n in names if (t := _test(candidates, WINNER, LIBRARY, Objective(n)))}
    default = quality(prepared, space.baseline)
    judged = quality(prepared, claim.params) if changed else default
    if not failed and default.keys() - judged.keys():
        failed = f"no {', '.join(sorted(default.keys() - judged.keys()))} could be judged there"
    return Verdict(
        name, seed, objective.metric, claim.ratio, claim.ci95, test.ratio, test.ci95,
        against.ratio if against else None, against.ci95 if against else None, ratios,
        {n: (judged[n], default[n]) for n in sorted(judged.keys() & default.keys())}, changed, claim.summary,
        failed,
    )  # fmt: skip


def play(prepared: Prepared, players: Mapping[int, Params], tell: Callable[[str], None]) -> dict[int, Candidate]:
    """The players after `BLOCKS` interleaved blocks."""
    executor, metric = prepared.executor(), prepared.objectives[0].metric
    standing, played = [Player(number, params) for number, params in players.items()], Played()
    for block in range(BLOCKS):
        tell(f"referee: block {block + 1} of {BLOCKS}")
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
    return prepared.executor().run(TrialSpec(-1, params, "bench"), PLAN).quality


def _test(candidates: Mapping[int, Candidate], mine: int, other: int, objective: Objective) -> RatioTest | None:
    return compared(candidates[mine], candidates[other], objective, BLOCKS)


def _tell(text: str) -> None:
    print(f"… {text}", file=sys.stderr)


def _pair(ci95: Any) -> tuple[float, float] | None:
    return None if ci95 is None else (ci95[0], ci95[1])


def material_of(subject: Subject, folder: Path) -> tuple[tuple[str, ...], Path]:
    """What a sweep is told of the user's own material, and the unseen material, made in `folder`.

    Of speech two thirds of the clips are the user's own recordings; language models and synthesis are swept on what
    ships.
    """
    if subject.task == "stt":
        own, unseen = folder / "own", folder / "unseen"
        for part in (own, unseen):
            part.mkdir(exist_ok=True)
        for at, clip in enumerate(sorted(write_speech(folder / "speech", path_of(published(VOICE))).glob("*.wav"))):
            for file in (clip, clip.with_suffix(".txt")):
                file.rename((unseen if at % 3 == 0 else own) / file.name)
        return (f"{subject.option}={own}",), unseen
    kind = "prompts" if subject.task == "llm" else "sentences"
    return (), write_lines(folder / f"{kind}.txt", kind)


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
            own, material = material_of(subject, Path(tempfile.mkdtemp(dir=folder)))
            for seed in range(given.first_seed, given.first_seed + given.sweeps):
                document = sweep(subject, seed, [*own, *given.override], Path(folder) / name)
                print(f"{name}, seed {seed}: {document['summary']}", flush=True)
                if document["deploy"] is None:
                    verdicts.append(nothing_deployed(name, seed, document["summary"]))
                else:
                    verdicts.append(referee(name, subject, seed, document, material))
                    print(f"  changed: {verdicts[-1].changed}", flush=True)
                    print("\n".join(table(verdicts[-1:])[2:]), flush=True)
                if given.json:
                    given.json.write_text(json.dumps([asdict(v) for v in verdicts], indent=1) + "\n")
    held = sum(not v.misses for v in verdicts)
    print("\n".join(["", *table(verdicts), "", f"{held} of {len(verdicts)} verdicts hold"]))


if __name__ == "__main__":
    main()
