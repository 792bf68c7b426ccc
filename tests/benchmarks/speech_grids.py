"""Made-up grids of speech, of which the truth is known."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from benchmarks.clip_grid import Cell, ClipGrid, GridRow, SpokenClip
from benchmarks.recorded_space import bound
from benchmarks.recorded_speech import GRID, configurations
from engines.registry import load_engine
from search_spaces.parameter import Params

SAID = "one morning the old keeper walked down to the harbour and counted every boat that was tied"
WORDS = SAID.split()
FACTS = {
    "n_vocab": 51864, "n_audio_ctx": 1500, "n_text_ctx": 448, "n_audio_state": 384, "n_audio_head": 6,
    "n_audio_layer": 4, "n_text_state": 384, "n_text_layer": 4, "language": "en", "vad": False, "vad_model": "",
    "file_mib_Q4_0": 24.0, "file_mib_Q5_1": 31.0, "file_mib_Q8_0": 42.0, "file_mib_F16": 74.0,
}  # fmt: skip
Answer = Callable[[Params, SpokenClip, int], tuple[float, str | None]]
"""Seconds and text for a configuration, a clip, and its number."""


def setting() -> dict:
    """Of a machine of two cores and a model in F16."""
    knobs = dict(text.split("=", 1) for text in GRID)
    return {
        "params": {n.removeprefix("params."): int(v) for n, v in knobs.items() if n.startswith("params.")},
        "space": {n.removeprefix("space."): v for n, v in knobs.items() if n.startswith("space.")},
        "capabilities": {
            "facts": {
                "cpu_cores": 2, "gpu_offload": False, "gpu_count": 0, "default_n_threads": 2,
                "default_flash_attn": True, "default_best_of": 5,
            },
            "build": {"version": "0", "build": "made up"},
        },
        "model": {
            "name": "made-up", "source": "made up", "digest": "0" * 64, "native": "F16", "reference": "F16",
            "variants": dict.fromkeys(("Q4_0", "Q5_1", "Q8_0", "F16"), ""), "facts": FACTS,
        },
    }  # fmt: skip


def clips(count: int) -> tuple[SpokenClip, ...]:
    """Of three to fifteen words, all different."""
    made = []
    for number in range(count):
        said = list(itertools.islice(itertools.cycle(WORDS), number, number + 3 + number * 5 % 13))
        made.append(SpokenClip(f"clip-{number:02d}", " ".join(said), 0.4 * len(said)))
    return tuple(made)


def grid(answer: Answer, count: int = 54) -> ClipGrid:
    """All configurations on `count` clips; a sixth of the clips took 2 % longer or shorter the second time."""
    said, made = clips(count), setting()
    rows = []
    for number, params in enumerate(configurations(bound(made, load_engine("whisper_cpp").space))):
        cells = []
        for at, clip in enumerate(said):
            seconds, text = answer(params, clip, at)
            again_s = seconds * (1.02 if (at // 6 + number) % 2 else 0.98) if at % 6 == 0 and text is not None else None
            cells.append(Cell(seconds, text, again_s, 0, "" if text is not None else "given up"))
        rows.append(GridRow(params, 0.1, 250.0, 74.0, 0.0, False, tuple(cells)))
    return ClipGrid({"name": "made up"}, made, 0.5, said, tuple(rows))
