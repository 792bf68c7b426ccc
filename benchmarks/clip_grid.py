"""A grid of speech: what became of each clip under each configuration, so that sweeps can be replayed clip by clip.

On disk a grid is gzipped JSON. Nothing of the sound is in it; what is said and what was heard are.
"""

from __future__ import annotations

import gzip
import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.recording import RecordingError
from engines.base import Model
from engines.recognition.quality import Heard
from search_spaces.errors import TunerError
from search_spaces.parameter import Params, Value
from tuner.core.documents import dump, load
from tuner.core.params import key

FORMAT = 1


@dataclass(frozen=True)
class SpokenClip:
    """A clip: its name, what is said, and how long it lasts in seconds, the silence around it included."""

    id: str
    text: str
    seconds: float


@dataclass(frozen=True)
class Cell:
    """One clip under one configuration.

    `text` came after `seconds`; None where none had come by then, when it was given up. `again_s` is a second time, in
    another process and minutes later, None for clips that were heard once. `words_wrong` are counted after Whisper's
    normalisation, `failure` says how the clip fails as a whole ("" for not).
    """

    seconds: float
    text: str | None
    again_s: float | None
    words_wrong: int
    failure: str

    @property
    def typical_s(self) -> float:
        """The geometric mean of the times there are."""
        return self.seconds if self.again_s is None else (self.seconds * self.again_s) ** 0.5

    @property
    def heard(self) -> Heard:
        """As a recogniser's answer."""
        return Heard(self.text or "", self.typical_s)


@dataclass(frozen=True)
class GridRow:
    """One configuration: what loading it took, its process's peak memory over all clips, and a cell for each clip.

    `others_cores` is the CPU time, in cores, that other programs took meanwhile; `disturbed` says that it was too much.
    """

    params: Mapping[str, Value]
    load_s: float
    rss_peak_mib: float
    model_mib: float
    others_cores: float
    disturbed: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class ClipGrid:
    """The whole. The first row is the library's default, which quality is judged against as well.

    `about` says on what, with what and when; `setting` is what the search space is bound from. `start_s` is what
    starting a process took, up to loading. Where a cell is given up, and why, is in `about`.
    """

    about: Mapping[str, Any]
    setting: Mapping[str, Any]
    start_s: float
    clips: tuple[SpokenClip, ...]
    rows: tuple[GridRow, ...]

    @cached_property
    def by_params(self) -> Mapping[str, GridRow]:
        """The rows by `tuner.core.params.key`."""
        return {key(row.params): row for row in self.rows}

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Where each clip's cell is in a row, by the clip's name."""
        return {clip.id: at for at, clip in enumerate(self.clips)}

    @property
    def model(self) -> Model:
        """The model, whose files are not here."""
        return Model(**self.setting["model"])

    def judging(self, params: Params) -> GridRow:
        """The row whose transcripts count for `params`: with the most threads, as all cores judge."""
        alike = [r for r in self.rows if _without_threads(r.params) == _without_threads(params)]
        return max(alike, key=lambda row: int(row.params.get("n_threads", 1)))

    def summary(self) -> str:
        """A line for each configuration: its median time, word errors, and the clips that fail."""
        words = sum(len(clip.text.split()) for clip in self.clips)
        lines = [f"{len(self.rows)} configurations, {len(self.clips)} clips, {words} words"]
        for row in self.rows:
            changed = {n: v for n, v in row.params.items() if self.rows[0].params.get(n) != v}
            failed = sum(bool(cell.failure) for cell in row.cells)
            lines.append(
                f"{1e3 * statistics.median(cell.seconds for cell in row.cells):.0f} ms, "
                f"{sum(cell.words_wrong for cell in row.cells)} words wrong, {failed} clips fail"
                f"{', disturbed' if row.disturbed else ''}: {changed or 'the default'}"
            )
        return "\n".join(lines)

    def write(self, path: Path) -> None:
        """Write the file as a whole; the same grid is the same bytes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".tmp")
        text = json.dumps({"format": FORMAT, **dump(self)}, separators=(",", ":"))
        temporary.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
        temporary.replace(path)

    @staticmethod
    def read(path: Path) -> ClipGrid:
        """Raises RecordingError for a file that is none."""
        try:
            document = json.loads(gzip.decompress(path.read_bytes()))
            if (found := document.pop("format")) != FORMAT:
                raise RecordingError(f"{path} has format {found}, not {FORMAT}")
            return load(ClipGrid, document)
        except (OSError, EOFError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise RecordingError(f"{path} is no grid of clips: {error}") from error
        except TunerError as error:
            raise RecordingError(f"{path} is no grid of clips: {error.message}") from error


def _without_threads(params: Params) -> dict[str, Value]:
    return {name: value for name, value in params.items() if name != "n_threads"}
