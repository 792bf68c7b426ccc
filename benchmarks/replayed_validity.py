"""Whether verdicts hold elsewhere, in hundreds of sweeps: replays on recorded speech with other divisions of it.

    python -m benchmarks.replayed_validity [--sweeps 200] [--json FILE]

Each sweep draws two thirds of the clips of a grid (`benchmarks/recorded_speech.py`) as the user's own material, and
runs the tuner's own study with its default budget, guards and limits, on a simulated clock. The winner then plays the
default on the other third, and the verdict holds or not as `benchmarks/external_validity.py` says. Prints a row for
each way of sweeping: as it is; and where cut windows and decoding without fallbacks are asked for, as it is, without
guards, with nothing held out, and with neither, as it once was.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from optuna.storages import InMemoryStorage

from benchmarks.clip_grid import ClipGrid, SpokenClip
from benchmarks.external_validity import Claim, Verdict, elsewhere, nothing_deployed
from benchmarks.replayed_speech import divided, drawn, prepared, workload_of
from benchmarks.replayed_study import NoFolder, ReplayedStudy
from engines.base import Workload
from engines.recognition.selection import PROVEN, SEARCHED
from search_spaces.parameter import Params
from tuner.cli.config.compose import compose
from tuner.core.study_config import StudyConfig
from tuner.core.trial import TrialResult
from tuner.core.watchers import Watchers
from tuner.search.one_thread import on_one_thread

RECORDING = Path(__file__).parent / "recordings" / "speech" / "whisper-tiny.en.json.gz"
ELSEWHERE_SEED = 1_000_000
"""The machine on which the winner plays elsewhere is another one than the sweep's."""
HEAD = (
    "| sweeps | hold | share | gains claimed | claimed, median | there, median | missed: ratio | felt | word error "
    "| failed clips |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)

SIGNS = ((" was claimed", "ratio"), ("word error", "words"), ("failed clips", "clips"), ("deployed", "nothing"))
KINDS = ("ratio", "felt", "words", "clips")


@dataclass(frozen=True)
class Way:
    """A way of sweeping: with the guards or without, proven on what is held out or on what was searched on.

    `risky`: the window that is cut to the clip and decoding without fallbacks are asked for.
    """

    guards: bool = True
    held_out: bool = True
    risky: bool = False

    @property
    def name(self) -> str:
        """For the table."""
        off = ["guards"] * (not self.guards) + ["held-out part"] * (not self.held_out)
        told = f"without {' and '.join(off)}" if off else "as it is"
        return f"cut windows asked for, {told}" if self.risky else told


WAYS = (
    Way(), Way(risky=True), Way(guards=False, risky=True), Way(held_out=False, risky=True),
    Way(guards=False, held_out=False, risky=True),
)  # fmt: skip


class Sweep(ReplayedStudy):
    """A replayed study of which the verdict alone is of interest."""

    def _measured(self, result: TrialResult) -> None:
        """Nothing is kept of how it went."""


def default_config(overrides: Sequence[str] = ()) -> StudyConfig:
    """What a sweep is told: nothing, or `overrides`, of which those of model and workload are of no use."""
    return compose("stt", ["tracking=false", *overrides])


@on_one_thread
def replay(grid: ClipGrid, config: StudyConfig, way: Way, seed: int) -> Verdict:
    """One sweep, and what becomes of its verdict elsewhere."""
    name, language = str(grid.about["name"]), str(grid.model.facts["language"])
    own, unseen = drawn(grid, seed)
    config = config if way.guards else replace(config, guards={})
    here = prepared(grid, config, _material(own, seed, language, way), seed, way.risky)
    watchers = Watchers([])
    study = Sweep(here, NoFolder(Path()), watchers, begin=0.0, clock=here.machine.clock, storage=InMemoryStorage())
    outcome = study.run()
    if outcome.deploy is None:
        return nothing_deployed(name, seed, outcome.summary)
    gain = outcome.deploy.gain
    claim = Claim(gain.objective, gain.ratio or 1.0, gain.ci95, outcome.deploy.params, outcome.summary)
    other = workload_of(unseen, PROVEN, language, proof=True, count=len(unseen))
    there = prepared(grid, config, other, ELSEWHERE_SEED + seed, way.risky).for_proof
    return elsewhere(there, name, seed, claim)


def _material(own: Sequence[SpokenClip], seed: int, language: str, way: Way) -> Workload:
    return divided(own, seed, language) if way.held_out else workload_of(own, SEARCHED, language)


@dataclass(frozen=True)
class Row:
    """What came of the sweeps of one way."""

    way: Way
    verdicts: Sequence[Verdict]

    @property
    def misses(self) -> list[Verdict]:
        """Those that do not hold."""
        return [v for v in self.verdicts if v.misses]

    @property
    def gains(self) -> list[Verdict]:
        """Those that claim one."""
        return [v for v in self.verdicts if v.claimed_ci95 is not None]

    def line(self) -> str:
        """For the table. The last four columns count what the misses are about; one may be about several."""
        count = len(self.verdicts)
        kinds = Counter(kind for v in self.misses for kind in {_kind(text) for text in v.misses})
        claimed, there = (
            f"×{statistics.median(values):.2f}" if (values := [getattr(v, name) for v in self.gains]) else "–"
            for name in ("claimed", "there")
        )
        held = count - len(self.misses)
        told = " | ".join(str(kinds[kind]) for kind in KINDS)
        share = f"{100 * held / count:.1f} %" if count else "–"
        return f"| {self.way.name} ({count}) | {held} | {share} | {len(self.gains)} | {claimed} | {there} | {told} |"


def _kind(miss: str) -> str:
    return next((kind for sign, kind in SIGNS if sign in miss), "felt")


def changes(verdicts: Sequence[Verdict]) -> list[str]:
    """Which winners there are, the commonest first."""
    counted = Counter(_shown(v.changed) for v in verdicts)
    return [f"{times} × {shown}" for shown, times in counted.most_common()]


def _shown(changed: Params) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(changed.items())) or "the default"


def misses(row: Row) -> list[str]:
    """A line for each verdict that does not hold."""
    return [f"{row.way.name}, seed {v.seed}: {'; '.join(v.misses)} ({_shown(v.changed)})" for v in row.misses]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grid", type=Path, default=RECORDING, help="made by benchmarks.recorded_speech")
    parser.add_argument("--sweeps", type=int, default=200, help="of each way")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--as-it-is", action="store_true", help="none of the other ways")
    parser.add_argument("--override", action="append", default=[], help="of the sweeps, such as params.audio_ctx=full")
    parser.add_argument("--json", type=Path, help="write the verdicts there too")
    given = parser.parse_args()
    grid, config = ClipGrid.read(given.grid), default_config(given.override)
    rows: list[Row] = []
    kept: Mapping[str, list[object]] = {}
    for way in WAYS[:1] if given.as_it_is else WAYS:
        seeds = range(given.first_seed, given.first_seed + given.sweeps)
        rows.append(Row(way, [replay(grid, config, way, seed) for seed in seeds]))
        print("\n".join([*misses(rows[-1]), *changes(rows[-1].verdicts), HEAD, rows[-1].line(), ""]), flush=True)
        kept = {**kept, way.name: [asdict(v) for v in rows[-1].verdicts]}
        if given.json:
            given.json.write_text(json.dumps(kept, indent=1) + "\n")
    print("\n".join([HEAD, *(row.line() for row in rows)]))


if __name__ == "__main__":
    main()
