"""The tuner's own study on a grid of speech: what loads, hears and takes time is the grid, everything else is real.

Each sweep gets other clips as the user's own material, which the engine's code divides and chooses from, and the rest
is what nobody used. The clock is simulated.
"""

from __future__ import annotations

import contextlib
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.clip_grid import ClipGrid, GridRow, SpokenClip
from benchmarks.recorded_space import bound
from benchmarks.replayed_study import EmptyCache
from benchmarks.world import OVERHEAD_S
from engines.base import ModelFile, Sample, WorkItem, Workload
from engines.division import divide
from engines.recognition.clips import Clip, Passage, joined
from engines.recognition.quality import Heard, assess, passages
from engines.recognition.selection import PROVEN, SEARCHED, Extent, judged, spread
from engines.recognition.workload import ITEMS_PER_ROUND
from engines.registry import load_engine
from engines.whisper_cpp.settings import is_reference
from search_spaces.parameter import Params
from tuner.core.params import key
from tuner.core.study_config import StudyConfig
from tuner.core.trial import TrialStatus
from tuner.measure.answers import capabilities_from_json
from tuner.measure.executor import Executor, LocalExecutor
from tuner.measure.host.hardware import detect_hardware
from tuner.measure.host.host_noise import HostNoise
from tuner.measure.loaded import Loaded, Pass, RunFailedError
from tuner.measure.plan import Inspection
from tuner.measure.preparation import Prepared

OWN_SHARE = 2 / 3
"""Of the clips, those that are a sweep's material; of 54 that are 36, of which 24 are held out, the least that can
prove the limit on clips that fail."""
RECORDED_NOWHERE = "not in the recording"
OUTLIER = math.log(2)
"""A clip that takes twice as long the second time fell into fallbacks, which are chance and no noise of the machine."""


@dataclass(frozen=True)
class Noise:
    """By how much, in logarithms, processes differ from their mean, and clips within a process from that."""

    processes: tuple[float, ...]
    clips: tuple[float, ...]

    @staticmethod
    def of(grid: ClipGrid) -> Noise:
        """From the clips that were heard again in another process. Each of two times differs by half the variance."""
        processes, clips = [0.0], [0.0]
        for row in (row for row in grid.rows if not row.disturbed):
            apart = [math.log(c.again_s / c.seconds) for c in row.cells if c.again_s is not None and not c.failure]
            apart = [by for by in apart if abs(by) < OUTLIER]
            if len(apart) > 1:
                middle = statistics.median(apart)
                processes.append(middle / math.sqrt(2))
                clips += [(by - middle) / math.sqrt(2) for by in apart]
        return Noise(tuple(processes), tuple(clips))


class Machine:
    """A grid's machine with a clock that starts at 0, and chance."""

    def __init__(self, grid: ClipGrid, seed: int) -> None:
        self.grid, self.noise, self.now = grid, Noise.of(grid), 0.0
        self._rng = random.Random(seed)

    def clock(self) -> float:
        """Seconds since the start of the replay."""
        return self.now

    def slower(self, pool: Sequence[float]) -> float:
        """A factor drawn from logarithms, which may as well be the other way round."""
        return math.exp(self._rng.choice((-1, 1)) * self._rng.choice(pool))


@dataclass
class GridProcess:
    """One configuration in a process of its own, which is slower or faster than the mean as a whole."""

    machine: Machine
    row: GridRow
    workload: Workload
    slower: float
    engine_s: float

    @property
    def model_file(self) -> ModelFile:
        """As recorded; its content is not."""
        return ModelFile("", "", str(self.row.params["quantization"]), self.row.model_mib)

    @property
    def load_s(self) -> float:
        """As recorded."""
        return self.row.load_s

    @property
    def vram_peak_mib(self) -> float | None:
        """There is no device."""
        return None

    def run_pass(self, timeout_s: float, deadline_s: float | None = None) -> Pass:
        """As recorded, with noise. Raises RunFailedError for one that takes longer than `timeout_s`."""
        samples: list[Sample] = []
        wall_s = 0.0
        for item in self.workload.items:
            passage = Passage.from_json(item.payload)
            heard = self._heard(self.row, passage)
            wall_s += heard.seconds
            if wall_s > timeout_s:
                self._spend(timeout_s)
                raise RunFailedError(TrialStatus.TIMED_OUT, f"no answer to 'round' within {timeout_s:g} s")
            length_s = passage.seconds
            samples.append(Sample(item.id, (heard.seconds,), heard.seconds, length_s, length_s, heard.text))
            if deadline_s is not None and wall_s > deadline_s:
                break
        self._spend(wall_s)
        return Pass(samples, wall_s, HostNoise(), self.row.rss_peak_mib)

    def quality(self, timeout_s: float) -> Mapping[str, float]:
        """As the engine judges what was heard, for the time that hearing it took with all cores."""
        grid, before = self.machine.grid, self.machine.now
        reference = [self.machine.grid.rows[0].cells[grid.place[p.clips[0].id]].heard for p in passages(self.workload)]
        if is_reference(grid.model, self.row.params):
            return assess(self.workload, reference, None).quality
        row = grid.judging(self.row.params)

        def listen(passage: Passage) -> Heard:
            heard = self._heard(row, passage)
            self._spend(heard.seconds)
            return heard

        quality = assess(self.workload, reference, listen).quality
        if self.machine.now - before > timeout_s:
            raise RunFailedError(TrialStatus.TIMED_OUT, f"no answer to 'quality' within {timeout_s:g} s")
        return quality

    def inspect(self, what: Inspection, timeout_s: float) -> Mapping[str, Any]:
        """A grid has no answer."""
        return {}

    def _heard(self, row: GridRow, passage: Passage) -> Heard:
        known = row.cells[self.machine.grid.place[passage.clips[0].id]].heard
        return replace(known, seconds=known.seconds * self.slower * self.machine.slower(self.machine.noise.clips))

    def _spend(self, seconds: float) -> None:
        self.machine.now += seconds
        self.engine_s += seconds


@dataclass
class GridLoader:
    """Loads what is recorded, in no real time."""

    machine: Machine
    workload: Workload
    engine_s: float = 0.0

    @contextlib.contextmanager
    def load(self, params: Params, cold: bool) -> Iterator[Loaded]:
        """Raises RunFailedError for what was not recorded."""
        machine = self.machine
        row = machine.grid.by_params.get(key(params))
        if row is None:
            raise RunFailedError(TrialStatus.UNSUPPORTED, RECORDED_NOWHERE)
        took_s = machine.grid.start_s + row.load_s
        machine.now += OVERHEAD_S + took_s
        process = GridProcess(machine, row, self.workload, machine.slower(machine.noise.processes), took_s)
        try:
            yield process
        finally:
            self.engine_s += process.engine_s


@dataclass
class GridExecutor(LocalExecutor):
    """Measures what is recorded; the search is told of the rest that it need not be run."""

    grid: ClipGrid | None = None

    def known_infeasible(self, params: Params) -> str:
        """As the base class says, and why it cannot be asked for here."""
        assert self.grid is not None, "it was given"
        return super().known_infeasible(params) if key(params) in self.grid.by_params else RECORDED_NOWHERE


@dataclass(frozen=True, kw_only=True)
class GridPrepared(Prepared):
    """A prepared study on a grid."""

    machine: Machine

    def executor(
        self,
        samples_dir: Path | None = None,
        on_progress: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> Executor:
        """Measures on the grid, by its machine's clock; raw samples are not kept."""
        return GridExecutor(
            GridLoader(self.machine, self.workload), self.engine, self.capabilities, self.model, self.constraints,
            EmptyCache(Path(), self.engine.name, {}, "", "", self.space), self.pruning_metric,
            self.config.budget.trial_timeout_s, clock=self.machine.clock, grid=self.machine.grid,
        )  # fmt: skip


def prepared(grid: ClipGrid, config: StudyConfig, workload: Workload, seed: int) -> GridPrepared:
    """A study of `config` on a machine of its own. Of its model and workload nothing is taken; knobs may be fixed."""
    engine = load_engine("whisper_cpp")
    setting = {**grid.setting, "params": {**grid.setting["params"], **config.params}}
    return GridPrepared(
        replace(config, seed=seed), engine, _hardware(), capabilities_from_json(setting["capabilities"]), grid.model,
        workload, bound(setting, engine.space), engine_s=0.0, machine=Machine(grid, seed),
    )  # fmt: skip


def drawn(grid: ClipGrid, seed: int) -> tuple[list[SpokenClip], list[SpokenClip]]:
    """The clips that are a sweep's material, and those that nobody uses, each in the grid's order."""
    own = set(random.Random(seed).sample(range(len(grid.clips)), round(OWN_SHARE * len(grid.clips))))
    return (
        [clip for at, clip in enumerate(grid.clips) if at in own],
        [clip for at, clip in enumerate(grid.clips) if at not in own],
    )


def divided(own: Sequence[SpokenClip], seed: int, language: str) -> Workload:
    """A user's workload: a third is searched on and the rest is held out, by the engine's division.

    Where an item lies follows from its content, to which the seed is added, so that each sweep has another division.
    """
    searched, held_out = divide(own, lambda clip: f"{seed}\n{clip.text}")
    proof = workload_of(held_out, PROVEN, language, proof=True)
    return replace(workload_of(searched, SEARCHED, language), held_out=proof)


def workload_of(
    clips: Sequence[SpokenClip], extent: Extent, language: str, proof: bool = False, timed: int = ITEMS_PER_ROUND
) -> Workload:
    """A round of some of the clips, as long as all are, and what is judged of them, as the engine chooses them."""
    spoken = [Clip(clip.id, clip.id, 0.0, clip.seconds, clip.text) for clip in clips]
    items = tuple(WorkItem(p.id, dict(p.to_json())) for p in joined(spread(spoken, timed), 1, 0.0))
    material = [p.to_json() for p in joined(judged(spoken, None, extent), 1, 0.0)]
    return Workload("speech", items, {"language": language, "proof": proof, "passages": material})


@cache
def _hardware() -> Any:
    return detect_hardware()
