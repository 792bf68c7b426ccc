"""Measures every configuration of a grid and keeps the raw rounds, so that searches can be replayed and compared.

    python -m benchmarks.record --model-shape llama-160m --out benchmarks/recordings/NAME.json.gz [OVERRIDE…]

Each configuration runs as a trial of the tuner does: a process of its own, one load, a warm-up round and a few quiet
rounds, with the host's noise, quality (once for each distinct value of the knobs behind it). The order is random and
the baseline comes back every few configurations. What is measured is written at once beside the output file: the
same command goes on after an interruption. Files of all quantizations are made first, and are not in the times.
"""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.journal import Journal
from benchmarks.recording import ROUND_METRICS, RecordedItem, RecordedRound, RecordedTrial, Recording
from engines.errors import InvalidOutputError
from search_spaces.errors import TunerError
from search_spaces.parameter import Params
from tuner.cli.config.compose import compose
from tuner.core.documents import dump
from tuner.core.params import key
from tuner.core.trial import TrialStatus
from tuner.measure.loaded import Loaded, RunFailedError
from tuner.measure.measurement import Measurer, RepeatAllowance, Round
from tuner.measure.preparation import Prepared, prepare

PROMPTS = Path(__file__).parent / "recordings" / "prompts.yaml"
ANSWER_TOKENS = 16
COMMON = (
    "space.n_threads=range(1,3)", "space.n_threads_batch=range(1,3)", "space.flash_attn=choice(false,true)",
    "params.n_batch=512", "params.use_mmap=true", "params.use_mlock=false", "params.sampling=greedy",
)  # fmt: skip
GRIDS = {
    "cache_types": (
        "space.type_k=choice(q4_0,q8_0,f16)", "space.type_v=choice(q8_0,f16)",
        "space.n_ubatch=choice(128,512)", "params.speculation_tokens=0",
    ),
    "speculation": (
        "space.speculation_tokens=choice(0,2,8)", "space.n_ubatch=choice(32,128,512)",
        "params.type_k=f16", "params.type_v=f16",
    ),
}  # fmt: skip
"""Parts of the llm space on a machine of two cores: 432 valid configurations each, over all six quantizations."""
LARGEST = 5000
REPEAT_EVERY = 30
"""The baseline is measured again after this many configurations."""
DISTURBED_MOST = 3
"""Rounds of one configuration beyond the number asked for, in place of disturbed ones, which are kept."""


class Recorder:
    """Measures configurations one after the other."""

    def __init__(self, prepared: Prepared, rounds: int, folder: Path) -> None:
        self._prepared, self._rounds = prepared, rounds
        self._loader, self._timeout_s = prepared.loader(), prepared.config.budget.trial_timeout_s
        # A cache of the recording's own, so that the time of each judgement is known.
        self._quality = replace(prepared.quality_cache(folder), directory=folder)

    def measure(self, params: Params) -> RecordedTrial:
        """One configuration, in a process of its own."""
        trial, begin = RecordedTrial(params), time.perf_counter()
        try:
            with self._loader.load(params, cold=False) as loaded:
                start_s = time.perf_counter() - begin - loaded.load_s
                trial = replace(trial, start_s=start_s, load_s=loaded.load_s, model_mib=loaded.model_file.size_mib)
                rounds = self._measure_rounds(loaded)
                recorded = tuple(_recorded(r) for r in rounds)
                trial = replace(trial, rounds=recorded, rss_peak_mib=max(r.rss_peak_mib for r in rounds))
                known, begin = self._quality.get(params), time.perf_counter()
                quality = self._quality.judged(loaded, params, self._timeout_s)
                trial = replace(trial, quality=quality, quality_s=0.0 if known else time.perf_counter() - begin)
                begin = time.perf_counter()
            return replace(trial, end_s=time.perf_counter() - begin)
        except RunFailedError as failure:
            status, reason = failure.status, failure.reason
        except InvalidOutputError as failure:
            status, reason = TrialStatus.INVALID_OUTPUT, failure.message
        spent_s = time.perf_counter() - begin if not trial.start_s else trial.start_s
        return replace(trial, status=str(status), reason=reason, start_s=spent_s)

    def _measure_rounds(self, loaded: Loaded) -> list[Round]:
        """The warm-up, and rounds until enough of them were quiet or there are as many more as may be."""
        metric, task = self._prepared.pruning_metric, self._prepared.engine.task
        measurer = Measurer(loaded, task, metric, self._timeout_s, RepeatAllowance())
        rounds = [measurer.one_round(self._timeout_s)]
        for _ in range(self._rounds + DISTURBED_MOST):
            rounds.append(measurer.one_round(self._timeout_s))
            if sum(not r.noise.disturbed for r in rounds[1:]) == self._rounds:
                break
        return rounds


def record(prepared: Prepared, out: Path, options: argparse.Namespace, say: Callable[[str], None]) -> Recording:
    """Measure what is left of the grid; the recording holds what was measured by then."""
    grid = prepared.space.enumerate(LARGEST)
    if grid is None:
        raise TunerError(f"the grid has more than {LARGEST} configurations", "narrow it with space.KNOB=choice(…)")
    if not grid:
        raise TunerError("the grid is empty", "widen it")
    random.Random(options.seed).shuffle(grid)
    make_variants(prepared, grid, say)
    journal = Journal(out.with_name(out.name + ".partial"), _identity(prepared, options))
    done = [(kind, RecordedTrial.from_json(document)) for kind, document in journal.read()]
    qualities = out.with_name(out.name + ".quality")
    recorder = Recorder(prepared, options.rounds, qualities)
    known = {key(trial.params) for kind, trial in done if kind == "trial"}
    left = [params for params in grid if key(params) not in known][: options.most]
    begin = time.monotonic()
    for number, params in enumerate(left):
        if number % REPEAT_EVERY == 0:
            done.append(("repeat", recorder.measure(prepared.space.baseline)))
            journal.append("repeat", done[-1][1].to_json())
        done.append(("trial", recorder.measure(params)))
        journal.append("trial", done[-1][1].to_json())
        if number % 20 == 19 or number + 1 == len(left):
            pace_s = (time.monotonic() - begin) / (number + 1)
            to_go = len(left) - number - 1
            at = f"{len(known) + number + 1} of {len(grid)} configurations"
            say(f"{at}, {pace_s:.2f} s each, {to_go * pace_s:.0f} s left")
    trials, repeats = (tuple(t for kind, t in done if kind == wanted) for wanted in ("trial", "repeat"))
    recording = Recording(_about(prepared, out, options, len(grid)), _setting(prepared), trials, repeats)
    recording.write(out)
    if len(trials) == len(grid):
        journal.path.unlink()
        shutil.rmtree(qualities, ignore_errors=True)
    return recording


def make_variants(prepared: Prepared, grid: Sequence[Params], say: Callable[[str], None]) -> None:
    """Make the model file of every quantization of the grid."""
    loader = prepared.loader(say)
    for _, group in itertools.groupby(sorted(grid, key=_quantization), key=_quantization):
        with loader.load(next(group), cold=False):
            pass


def _quantization(params: Params) -> str:
    return str(params.get("quantization", ""))


def _recorded(measured: Round) -> RecordedRound:
    items = tuple(RecordedItem.of(s) for s in measured.samples)
    return RecordedRound(measured.wall_s, measured.noise, items, {n: measured.metrics[n] for n in ROUND_METRICS})


def _identity(prepared: Prepared, options: argparse.Namespace) -> dict[str, Any]:
    return {"digest": prepared.digest, "rounds": options.rounds, "seed": options.seed}


def _about(prepared: Prepared, out: Path, options: argparse.Namespace, size: int) -> dict[str, Any]:
    return {
        "name": out.name.removesuffix(".json.gz"),
        "date": time.strftime("%Y-%m-%d"),
        "hardware": dump(prepared.hardware),
        "engine": {"name": prepared.engine.name, **prepared.capabilities.build},
        "model": prepared.model.name,
        "configurations": size,
        "rounds": options.rounds,
        "seed": options.seed,
    }


def _setting(prepared: Prepared) -> dict[str, Any]:
    """What the space, the workload and the objective are made from again; files of this machine are left out."""
    model = {**asdict(prepared.model), "variants": dict.fromkeys(prepared.model.variants, "")}
    document = prepared.config.document
    return {
        "task": prepared.config.task,
        "params": dict(document["params"]),
        "space": dict(document["space"]),
        "capabilities": asdict(prepared.capabilities),
        "model": model,
        "workload": asdict(prepared.workload),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-shape", default="llama-160m", help="a shape of the embedded model")
    parser.add_argument("--grid", choices=GRIDS, default="cache_types", help="a part of the space; OVERRIDEs change it")
    parser.add_argument("--out", type=Path, required=True, help="ends in .json.gz")
    parser.add_argument("--rounds", type=int, default=3, help="beside the warm-up round")
    parser.add_argument("--most", type=int, help="stop after this many more configurations")
    parser.add_argument("--seed", type=int, default=0, help="of the order")
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="as for `python -m tuner sweep llm`")
    options = parser.parse_args()
    workload = [f"workload.prompts={PROMPTS}", f"workload.max_tokens={ANSWER_TOKENS}"]
    given = [f"model.shape={options.model_shape}", *workload, *COMMON, *GRIDS[options.grid], *options.overrides]

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    try:
        recording = record(prepare(compose("llm", given), say), options.out, options, say)
    except TunerError as error:
        sys.exit(f"error: {error.message}\nhint: {error.hint}")
    except KeyboardInterrupt:
        sys.exit("interrupted: rerun to continue")
    print(recording.summary())


if __name__ == "__main__":
    main()
