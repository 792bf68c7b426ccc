"""Records a grid of speech clip by clip: what whisper.cpp makes of each clip under each configuration, and how fast.

    python -m benchmarks.recorded_speech --out benchmarks/recordings/speech/whisper-tiny.en.json.gz [--minutes 25]

The clips are the texts of `benchmarks/unseen`, read by a published Piper voice: short commands and paragraphs, three
speeds, silence, noise. Each configuration transcribes every clip in one process, and every sixth clip once more in
another process some minutes later, so that what one process differs from the next by is in the record. A clip that
loops through the fallbacks is given up once its transcript is late for certain, and after 30 s at the latest. What is
measured is written at once beside the output file: rerun the command to resume. It stops before `--minutes` are used
up and keeps what there is by then; the first configurations are the ones that matter most.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.capped_recogniser import CappedRecogniser, load_recogniser
from benchmarks.clip_grid import Cell, ClipGrid, GridRow, SpokenClip
from benchmarks.journal import Journal
from benchmarks.record import make_variants
from benchmarks.unseen.material import TEXTS, write_speech
from engines.base import Model, Workload, without_advice
from engines.cache import cache_root
from engines.published.catalogue import published
from engines.published.places import path_of
from engines.recognition.clips import Passage
from engines.recognition.failures import latest_s
from engines.recognition.quality import Heard, assess, passages
from search_spaces.errors import TunerError
from search_spaces.parameter import Params, Value
from search_spaces.space import SearchSpace
from tuner.cli.config.compose import compose
from tuner.core.documents import dump, load
from tuner.core.params import key
from tuner.measure.host.host_noise import NoiseWatch
from tuner.measure.preparation import Prepared, prepare

MODEL, VOICE = "whisper-tiny.en", "piper-joe"
GRID = (
    "space.quantization=choice(Q4_0,Q5_1,Q8_0,F16)", "space.n_threads=range(1,3)",
    "space.audio_headroom_ms=choice(1000,4000)", "params.n_processors=1", "params.beam_size=5", "params.best_of=5",
)  # fmt: skip
"""The part of the space that the configurations lie in, and that replayed sweeps search."""
AGAIN_EVERY = 6
"""One clip in so many is heard once more, in another process."""
TOGETHER = 4
"""After so many configurations each of them comes again."""
CAP_S, LATE_FOR_CERTAIN = 30.0, 1.25
"""A clip is given up at this many times what makes its transcript late (`engines/recognition/failures.py`), by the time
that the default took, or after `CAP_S` seconds where that is sooner. One thread has twice the time that two have."""
STARTS = 3


Answer: TypeAlias = tuple[int, float, str | None]
"""The clip's place, the seconds, and what was heard; None where it was given up after these seconds."""


@dataclass(frozen=True)
class Visit:
    """One configuration in one process: what loading it took, its peak memory, what others did, and the answers."""

    load_s: float
    rss_peak_mib: float
    others_cores: float
    disturbed: bool
    wall_s: float
    heard: tuple[Answer, ...]


def configurations(space: SearchSpace) -> list[Params]:
    """What is recorded, what matters most first. The first one is the default.

    Whole windows in every precision, windows cut to the clip with either headroom, no fallbacks, beams, one thread.
    """
    base = space.baseline
    clip: Mapping[str, Value] = {"audio_ctx": "clip"}
    other = not base["flash_attn"]
    changes: list[Mapping[str, Value]] = [{}]
    changes += [{"quantization": q} for q in ("Q8_0", "Q4_0", "Q5_1")]
    changes += [{**clip, "quantization": q} for q in ("F16", "Q8_0", "Q4_0")]
    changes += [{"quantization": q, "flash_attn": other} for q in ("F16", "Q8_0", "Q4_0")]
    changes += [{**clip, "quantization": q, "audio_headroom_ms": 4000} for q in ("F16", "Q8_0", "Q4_0")]
    changes += [{"quantization": q, "temperature_fallback": False} for q in ("F16", "Q8_0")]
    changes += [{**clip, "quantization": q, "temperature_fallback": False} for q in ("F16", "Q8_0", "Q4_0")]
    changes += [{**clip, "quantization": q, "flash_attn": other} for q in ("F16", "Q8_0", "Q4_0")]
    changes += [{"decoding": "beam"}, {"n_threads": 1}]
    long = {**clip, "audio_headroom_ms": 4000, "flash_attn": other}
    changes += [{**long, "quantization": q} for q in ("F16", "Q8_0", "Q4_0")]
    changes += [{**clip, "n_threads": 1}, {"quantization": "Q8_0", "n_threads": 1}, {**clip, "decoding": "beam"}]
    changes += [{**clip, "quantization": "Q5_1"}, {"quantization": "Q5_1", "flash_attn": other}]
    changes += [
        {"quantization": "Q8_0", "decoding": "beam"},
        {**clip, "quantization": "Q5_1", "audio_headroom_ms": 4000},
    ]
    wanted = {key(params): params for c in changes if (params := space.canonical({**base, **c}))}
    return list(wanted.values())


def visits(count: int) -> list[tuple[str, int]]:
    """(`first` or `again`, number of the configuration) in the order of measuring."""
    groups = [range(at, min(at + TOGETHER, count)) for at in range(0, count, TOGETHER)]
    return [(kind, number) for group in groups for kind in ("first", "again") for number in group]


class Recorder:
    """Visits configurations one after the other; `opened` gives a recogniser of one, loaded in its own process."""

    def __init__(
        self,
        journal: Journal,
        grid: Sequence[Params],
        clips: Sequence[Passage],
        opened: Callable[[Params], CappedRecogniser],
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._journal, self._grid, self._clips, self._opened, self._say = journal, grid, clips, opened, say
        self.done = {(kind, d["number"]): load(Visit, d["visit"]) for kind, d in journal.read()}

    def run(self, minutes: float) -> None:
        """What is left of the visits, until so many minutes are used up, those of earlier runs counted."""
        for kind, number in visits(len(self._grid)):
            if (kind, number) in self.done:
                continue
            spent_s = sum(visit.wall_s for visit in self.done.values())
            if spent_s > 60 * minutes:
                self._say(f"{minutes:g} minutes are used up: {len(self.recorded)} of {len(self._grid)} configurations")
                return
            visit = self._visit(kind, number)
            self._journal.append(kind, {"number": number, "visit": dump(visit)})
            self.done[kind, number] = visit
            given_up = sum(text is None for _, _, text in visit.heard)
            self._say(
                f"{spent_s + visit.wall_s:.0f} s: configuration {number + 1} of {len(self._grid)}, {kind}, "
                f"{visit.wall_s:.0f} s{f', {given_up} clips given up' if given_up else ''}"
                f"{', disturbed' if visit.disturbed else ''}"
            )

    @property
    def recorded(self) -> list[int]:
        """The numbers of the configurations that heard all clips."""
        return [number for number in range(len(self._grid)) if ("first", number) in self.done]

    def _visit(self, kind: str, number: int) -> Visit:
        places = range(0, len(self._clips), AGAIN_EVERY if kind == "again" else 1)
        begin, watch = time.monotonic(), NoiseWatch(0)
        heard: list[Answer] = []
        with self._opened(self._grid[number]) as recogniser:
            for at in places:
                cap_s = self._cap_s(at, self._grid[number])
                one = recogniser.hear(at, cap_s)
                heard.append((at, round(one.seconds, 4) if one else round(cap_s, 2), one.text if one else None))
        noise = watch.stop(recogniser.cpu_s)
        return Visit(
            round(recogniser.load_s, 4), round(recogniser.peak_mib, 1), round(noise.others_cores, 3), noise.disturbed,
            round(time.monotonic() - begin, 2), tuple(heard),
        )  # fmt: skip

    def _cap_s(self, at: int, params: Params) -> float:
        default = self.done.get(("first", 0))
        if default is None:
            return CAP_S
        _, seconds, _ = default.heard[at]
        most = max(int(p.get("n_threads", 1)) for p in self._grid)
        slower = most / int(params.get("n_threads", 1))
        return min(CAP_S, LATE_FOR_CERTAIN * slower * latest_s(seconds, self._clips[at].length_s))


def rows(recorder: Recorder, grid: Sequence[Params], clips: Sequence[Passage], model: Model) -> tuple[GridRow, ...]:
    """A row for each configuration that was recorded, clips judged as the engine does it."""
    default, language = recorder.done["first", 0], str(model.facts["language"])
    made = []
    for number in recorder.recorded:
        first, again = recorder.done["first", number], recorder.done.get(("again", number))
        second = {at: seconds for at, seconds, text in again.heard if text is not None} if again else {}
        cells = tuple(
            cell(clip, default.heard[at], first.heard[at], second.get(at), language) for at, clip in enumerate(clips)
        )
        model_mib = float(model.facts[f"file_mib_{grid[number]['quantization']}"])
        disturbed = first.disturbed or (again is not None and again.disturbed)
        others_cores = max(first.others_cores, again.others_cores if again else 0.0)
        made.append(GridRow(grid[number], first.load_s, first.rss_peak_mib, model_mib, others_cores, disturbed, cells))
    return tuple(made)


def cell(clip: Passage, default: Answer, own: Answer, again_s: float | None, language: str) -> Cell:
    """What became of a clip that the default heard like that."""
    _, seconds, text = own
    material = Workload("clip", (), {"language": language, "passages": [clip.to_json()]})
    judged = assess(material, [_heard(default)], lambda passage: _heard(own)).clips[0]
    if text is None:
        return Cell(seconds, None, None, judged.words_wrong, f"no transcript within {seconds:.1f} s")
    return Cell(seconds, text, again_s, judged.words_wrong, judged.failure)


def _heard(answer: Answer) -> Heard:
    _, seconds, text = answer
    return Heard(text or "", seconds)


def record(prepared: Prepared, options: argparse.Namespace, say: Callable[[str], None]) -> ClipGrid:
    """Record what is left, and write the grid."""
    parts = (prepared.workload, prepared.workload.proof)
    clips = sorted({clip.id: clip for part in parts for clip in passages(part)}.values(), key=lambda clip: clip.id)
    clips = clips[:: -(-len(clips) // options.clips)] if options.clips else clips
    grid = configurations(prepared.space)[: options.configurations]
    make_variants(prepared, grid, say)
    journal = Journal(options.out.with_name(options.out.name + ".partial"), _identity(prepared, clips, grid))

    def opened(params: Params) -> CappedRecogniser:
        return CappedRecogniser(partial(load_recogniser, prepared.engine.name, prepared.model, params), clips)

    recorder = Recorder(journal, grid, clips, opened, say)
    recorder.run(options.minutes)
    spoken = tuple(SpokenClip(clip.id, clip.text, round(clip.length_s, 3)) for clip in clips)
    recorded = rows(recorder, grid, clips, prepared.model)
    found = ClipGrid(_about(prepared), _setting(prepared), start_s(prepared), spoken, recorded)
    found.write(options.out)
    return found


def material() -> Path:
    """The folder of clips, made once: a recording that is resumed has to have the very same sounds."""
    folder = cache_root() / "benchmarks" / f"speech-{hashlib.sha256(TEXTS.read_bytes()).hexdigest()[:12]}"
    if not folder.exists():
        partial_folder = folder.with_name(folder.name + ".part")
        write_speech(partial_folder, path_of(published(VOICE))).rename(folder)
    return folder


def start_s(prepared: Prepared) -> float:
    """Seconds from starting a process until it loads, the median of a few."""
    loader, taken = prepared.loader(), []
    for _ in range(STARTS):
        begin = time.monotonic()
        with loader.load(prepared.space.baseline, cold=False) as loaded:
            taken.append(time.monotonic() - begin - loaded.load_s)
    return round(statistics.median(taken), 3)


def _identity(prepared: Prepared, clips: Sequence[Passage], grid: Sequence[Params]) -> dict[str, Any]:
    return {"digest": prepared.digest, "clips": len(clips), "configurations": len(grid)}


def _about(prepared: Prepared) -> dict[str, Any]:
    return {
        "name": MODEL,
        "voice": VOICE,
        "date": time.strftime("%Y-%m-%d"),
        "hardware": dump(prepared.hardware),
        "engine": {"name": prepared.engine.name, **without_advice(prepared.capabilities.build)},
        "given_up": (
            f"a cell without text is a clip that was given up after {LATE_FOR_CERTAIN:g} times what makes a transcript "
            f"late, and after {CAP_S:g} s at the latest: its true time is longer"
        ),
    }


def _setting(prepared: Prepared) -> dict[str, Any]:
    """What the space is bound from again; files of this machine are left out."""
    document = prepared.config.document
    model = {**asdict(prepared.model), "source": MODEL, "variants": dict.fromkeys(prepared.model.variants, "")}
    return {
        "params": dict(document["params"]),
        "space": dict(document["space"]),
        "capabilities": asdict(prepared.capabilities),
        "model": model,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="ends in .json.gz")
    parser.add_argument("--minutes", type=float, default=25.0, help="for all runs together")
    parser.add_argument("--clips", type=int, help="at most so many, spread over all, to try it out")
    parser.add_argument("--configurations", type=int, help="the first so many, to try it out")
    options = parser.parse_args()

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    try:
        given = [f"model={MODEL}", f"workload.audio={material()}", "tracking=false", *GRID]
        grid = record(prepare(compose("stt", given), say, for_quality=False), options, say)
    except TunerError as error:
        sys.exit(f"error: {error.message}\nhint: {error.hint}")
    except KeyboardInterrupt:
        sys.exit("interrupted: rerun to continue")
    print(grid.summary())


if __name__ == "__main__":
    main()
