"""A recording: every configuration of a grid as it was measured once, so that searches can be replayed without it.

On disk a recording is gzipped JSON: what it was made from, the names of the columns, and a column each of numbers.
"""

from __future__ import annotations

import gzip
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from engines.base import Sample
from search_spaces.parameter import Params, Value
from tuner.core.metrics import metric
from tuner.core.stats import geometric_mean
from tuner.measure.host.host_noise import HostNoise

FORMAT = 1
ROUND_METRICS = ("decode_tokens_per_second", "prefill_tokens_per_second", "ftl_ms")
_NOISE = ("others_cores", "idle_share", "steal_cores", "throttled_share")
_SCALARS = ("status", "reason", "start_s", "load_s", "quality_s", "end_s", "rss_peak_mib", "model_mib", "quality")


class RecordingError(Exception):
    """A file that is no recording."""


@dataclass(frozen=True)
class RecordedItem:
    """One answer: seconds until the first and the last token and until the stream ended, and tokens in and out."""

    first_s: float
    last_s: float
    done_s: float
    units_in: float
    units_out: float

    @staticmethod
    def of(sample: Sample) -> RecordedItem:
        """Of a sample as the engine made it."""
        times = sample.output_times_s
        return RecordedItem(times[0], times[-1], sample.done_s, sample.units_in, sample.units_out)

    def sample(self, item_id: str, slower: float = 1.0) -> Sample:
        """The sample with its tokens at even distances, all times multiplied by `slower`."""
        gaps = max(1, round(self.units_out) - 1)
        step = (self.last_s - self.first_s) / gaps
        times = tuple(slower * (self.first_s + step * i) for i in range(gaps + 1))
        return Sample(item_id, times, max(times[-1], slower * self.done_s), self.units_in, self.units_out)


@dataclass(frozen=True)
class RecordedRound:
    """One pass over the workload. `metrics` has `ROUND_METRICS`."""

    wall_s: float
    noise: HostNoise
    items: tuple[RecordedItem, ...]
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class RecordedTrial:
    """One configuration. The first of its rounds is the warm-up; there are none where it does not run.

    `start_s` is from starting the process to asking it to load, `end_s` from the last answer to its end; `quality_s`
    is 0 where the quality of the same weights and KV cache types had been measured before.
    """

    params: Params
    status: str = "ok"
    reason: str = ""
    start_s: float = 0.0
    load_s: float = 0.0
    quality_s: float = 0.0
    end_s: float = 0.0
    rss_peak_mib: float = 0.0
    model_mib: float = 0.0
    quality: Mapping[str, float] = field(default_factory=dict)
    rounds: tuple[RecordedRound, ...] = ()

    @property
    def wall_s(self) -> float:
        """What measuring it took."""
        return self.start_s + self.load_s + self.quality_s + sum(r.wall_s for r in self.rounds) + self.end_s

    def value(self, name: str) -> float | None:
        """A round's metric: the geometric mean over the quiet measured rounds, or over all where none was quiet."""
        measured = self.rounds[1:]
        counted = [r for r in measured if not r.noise.disturbed] or measured
        if name in ROUND_METRICS and counted:
            return geometric_mean([r.metrics[name] for r in counted])
        return self.quality.get(name)

    def to_json(self) -> dict[str, Any]:
        """A JSON document with rounded numbers; `from_json` reads it back."""
        scalars = {name: getattr(self, name) for name in _SCALARS}
        rounds = [_round_to_json(r) for r in self.rounds]
        return {"params": dict(self.params), **{n: _rounded(v) for n, v in scalars.items()}, "rounds": rounds}

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> RecordedTrial:
        """From `to_json`."""
        rounds = tuple(_round_from_json(r) for r in document["rounds"])
        return RecordedTrial(**{**document, "rounds": rounds})


@dataclass(frozen=True)
class Recording:
    """A measured grid. `about` says on what, with what and when; `setting` is what the search space is bound from.

    `repeats` are further measurements of the baseline, spread over the whole time. Trials are in measured order.
    """

    about: Mapping[str, Any]
    setting: Mapping[str, Any]
    trials: tuple[RecordedTrial, ...]
    repeats: tuple[RecordedTrial, ...] = ()

    @cached_property
    def exhaustive_s(self) -> float:
        """What measuring the whole grid takes, the repeats of the baseline not counted."""
        return sum(t.wall_s for t in self.trials)

    @property
    def name(self) -> str:
        """Short, for tables."""
        return str(self.about["name"])

    @property
    def engine(self) -> str:
        """The engine that it was made with."""
        return str(self.about["engine"]["name"])

    def summary(self) -> str:
        """One line about size, time and noise."""
        ran = [t for t in self.trials if t.rounds]
        rounds = [r for t in ran for r in t.rounds]
        disturbed = sum(r.noise.disturbed for r in rounds) / max(1, len(rounds))
        load_s = statistics.median(t.load_s for t in ran) if ran else 0.0
        return (
            f"{self.name}: {len(self.trials)} configurations ({len(self.trials) - len(ran)} do not run), "
            f"{self.exhaustive_s:.0f} s, load {load_s:.2f} s, {100 * disturbed:.1f} % of rounds disturbed"
        )

    def write(self, path: Path) -> None:
        """Write the file as a whole."""
        knobs = list(dict.fromkeys(name for t in self.trials for name in t.params))
        document = {
            "format": FORMAT,
            "about": dict(self.about),
            "setting": dict(self.setting),
            "knobs": knobs,
            "trials": _columns(self.trials, knobs),
            "repeats": _columns(self.repeats, knobs),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".tmp")
        # Without a time stamp the same content is the same file.
        temporary.write_bytes(gzip.compress(json.dumps(document, separators=(",", ":")).encode(), 9, mtime=0))
        temporary.replace(path)

    @staticmethod
    def read(path: Path) -> Recording:
        """Raises RecordingError for a file that is none."""
        try:
            document = json.loads(gzip.decompress(path.read_bytes()))
            if document["format"] != FORMAT:
                raise RecordingError(f"{path} has format {document['format']}, not {FORMAT}")
            trials, repeats = (_from_columns(document[part], document["knobs"]) for part in ("trials", "repeats"))
            return Recording(document["about"], document["setting"], trials, repeats)
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise RecordingError(f"{path} is no recording: {error}") from error


def keeps(quality: Mapping[str, float], constraints: Mapping[str, float]) -> bool:
    """Whether the constraints on quality hold."""
    for name, limit in constraints.items():
        if name in quality:
            worse = quality[name] > limit if metric(name).direction == "minimize" else quality[name] < limit
            if worse:
                return False
    return True


def _columns(trials: Sequence[RecordedTrial], knobs: Sequence[str]) -> dict[str, list[Any]]:
    rows = [t.to_json() for t in trials]
    columns: dict[str, list[Any]] = {f"knob.{name}": [row["params"].get(name) for row in rows] for name in knobs}
    return {**columns, **{name: [row[name] for row in rows] for name in (*_SCALARS, "rounds")}}


def _from_columns(columns: Mapping[str, Sequence[Any]], knobs: Sequence[str]) -> tuple[RecordedTrial, ...]:
    trials = []
    for at, status in enumerate(columns["status"]):
        params: dict[str, Value] = {n: v for n in knobs if (v := columns[f"knob.{n}"][at]) is not None}
        scalars = {name: columns[name][at] for name in (*_SCALARS, "rounds")}
        trials.append(RecordedTrial.from_json({**scalars, "params": params, "status": status}))
    return tuple(trials)


def _round_to_json(measured: RecordedRound) -> list[Any]:
    noise = [round(getattr(measured.noise, name), 3) for name in _NOISE]
    items = [
        [round(1e3 * i.first_s, 2), round(1e3 * i.last_s, 2), round(1e3 * i.done_s, 2), i.units_in, i.units_out]
        for i in measured.items
    ]
    metrics = [float(f"{measured.metrics[name]:.5g}") for name in ROUND_METRICS]
    return [round(measured.wall_s, 4), noise, items, metrics]


def _round_from_json(document: Sequence[Any]) -> RecordedRound:
    wall_s, noise, items, metrics = document
    return RecordedRound(
        wall_s,
        HostNoise(**dict(zip(_NOISE, noise, strict=True))),
        tuple(RecordedItem(a / 1e3, b / 1e3, c / 1e3, units_in, units_out) for a, b, c, units_in, units_out in items),
        dict(zip(ROUND_METRICS, metrics, strict=True)),
    )


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, Mapping):
        return {name: _rounded(v) for name, v in value.items()}
    return value
