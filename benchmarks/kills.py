"""Kill a study at random moments, in search and tournament, and see what is lost of what had finished: nothing.

    python -m benchmarks.kills --kills 200

Each study of the fake engine is killed (SIGKILL, the whole process group) and begun again, a few times, until it is let
run to its end. After each kill, what had finished before must be there unchanged; at the end no configuration was
measured twice, and the verdict and the deployed parameters are those of a study that nobody killed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tuner.core.params import key
from tuner.core.trial import CONFIGURATIONS, TrialResult
from tuner.results.report.study_files import read_study

KILLS_A_STUDY = 10
SWEEP = (
    "sweep", "llm", "engine=fake", "params.turbo=false", "params.scale=1", "space.threads=choice(2,4,6)",
    "space.mode=choice(a,b)", "budget.trials=18", "budget.minutes=2", "budget.tournament_pairs=4",
    "budget.tournament_pairs_most=4", "tracking=false", "study=killed",
)  # fmt: skip


@dataclass
class Tally:
    """What came of the kills so far."""

    kills: int = 0
    in_search: int = 0
    in_tournament: int = 0
    lost: int = 0
    repeated: int = 0
    other_verdicts: int = 0


def main() -> None:
    """Kill, and print what was lost; the exit status is 1 where anything was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng, tally = random.Random(options.seed), Tally()
    with tempfile.TemporaryDirectory() as folder:
        begin = time.monotonic()
        expected = _run_to_the_end(Path(folder) / "unkilled")
        whole_s = time.monotonic() - begin
        print(f"a study that nobody kills takes {whole_s:.1f} s: {expected}", flush=True)
        study = 0
        while tally.kills < options.kills:
            study += 1
            _one_study(Path(folder) / f"study-{study}", expected, whole_s, options.kills, rng, tally)
            print(f"after study {study}: {tally}", flush=True)
    sys.exit(bool(tally.lost or tally.repeated or tally.other_verdicts))


def _one_study(outputs: Path, expected: str, whole_s: float, most: int, rng: random.Random, tally: Tally) -> None:
    known: Sequence[TrialResult] = ()
    for _ in range(min(KILLS_A_STUDY, most - tally.kills)):
        with _begun(outputs) as sweep:
            try:
                sweep.wait(timeout=rng.uniform(0.0, whole_s))
                break  # it came to its end
            except subprocess.TimeoutExpired:
                os.killpg(sweep.pid, signal.SIGKILL)
        tally.kills += 1
        found = _results(outputs)
        tally.lost += list(found[: len(known)]) != list(known)
        known = found
        if (outputs / "killed" / "tournament_state.json").exists():
            tally.in_tournament += 1
        else:
            tally.in_search += 1
    tally.other_verdicts += _run_to_the_end(outputs) != expected
    found = _results(outputs)
    tally.lost += list(found[: len(known)]) != list(known)
    configurations = [key(r.params) for r in found if r.purpose in CONFIGURATIONS]
    tally.repeated += len(configurations) - len(set(configurations))


def _results(outputs: Path) -> Sequence[TrialResult]:
    folder = outputs / "killed"
    return read_study(folder).results if (folder / "study.yaml").exists() else ()


def _begun(outputs: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tuner", *SWEEP, f"outputs={outputs}", "--json"]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )


def _run_to_the_end(outputs: Path) -> str:
    """The verdict and the deployed parameters, as text."""
    with _begun(outputs) as sweep:
        told, _ = sweep.communicate()
    document = json.loads(told)
    return f"{document['verdict']} {json.dumps((document.get('deploy') or {}).get('params'), sort_keys=True)}"


if __name__ == "__main__":
    main()
