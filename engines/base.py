"""What an engine is: how to open one and run one work item. Every engine passes `tests/conformance`.

Methods marked *worker* may import the engine's library and are called in a worker process only; all others must be
light, because the command line calls them. Importing an engine's package imports none of its libraries.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from engines.deploy import Deployment
from search_spaces.parameter import Params, Value

TASKS = ("llm", "stt", "tts")
"""What an engine can serve; the payload of a work item means something to engines of one task only."""

Progress = Callable[[str], None]
"""Told one short line about slow preparation ("quantizing to Q4_K_M", "downloading 41 %")."""


@dataclass(frozen=True)
class WorkItem:
    """One request. `payload` is JSON and means something to engines of one task only."""

    id: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Workload:
    """The fixed list of work items that one round passes over, and the material that quality is evaluated on (JSON).

    This is what is searched on; `held_out` is as large a part of the same kind that the search never uses, for the
    proof, or None where there is too little to divide (`engines/division.py`). `notes` tell the user what was decided
    for them; `facts` (`natural_answers`, …) bind the search space as those of a model do, and so do `sizes`
    (`longest_prompt`, …) unless memory is asked for: beyond them no speed changes. None of the four is part of what the
    workload is.
    """

    name: str
    items: tuple[WorkItem, ...]
    quality: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Value] = field(default_factory=dict)
    sizes: Mapping[str, Value] = field(default_factory=dict)
    held_out: Workload | None = None

    @property
    def proof(self) -> Workload:
        """What the verdict is made on: the held-out part, or all where nothing is held out."""
        return self.held_out or self

    @property
    def digest(self) -> str:
        """The first 16 hex digits of a SHA-256 over items and quality material of this part."""
        content = [[[i.id, i.payload] for i in self.items], self.quality]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=dict).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Sample:
    """What one work item did. Times are seconds after `submitted` on the worker's monotonic clock.

    `output_times_s` has one entry per output (token, audio chunk, segment), in order. `units_in` and `units_out`
    are tokens for a language model and audio seconds for speech.

    `due` is how much was to be done, where that is not `units_out`: some of it came out of a cache, or this answer is
    longer or shorter than the reference's, whose length counts so that nobody is faster by saying less. `requests`
    of the same item were served at once, and took `requests_s` together, each on its own clock. `stall_s` is silence
    that a listener hears because audio comes late. `stages_s` are the seconds that the engine itself times by stage
    (`prefill`, `decode`), and `counts` what it counts (`prefill`, `decode`: tokens): the same work has the same counts.
    """

    item_id: str
    output_times_s: tuple[float, ...]
    done_s: float
    units_in: float
    units_out: float
    output: str = ""
    due: float | None = None
    requests: int = 1
    requests_s: float | None = None
    stall_s: float = 0.0
    stages_s: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, float] = field(default_factory=dict)


Direction = Literal["maximize", "minimize"]
Kind = Literal["speed", "energy", "quality", "memory", "load"]
FromSamples = Callable[[Sequence[Sample]], float | None]
"""A metric of one round from its samples; None where they do not tell. Raises InvalidOutputError."""


@dataclass(frozen=True)
class Metric:
    """A number that a trial can have, from `lowest` to `highest`, in `unit`.

    `kind` says how it behaves: `speed` and `energy` are a round's, `load` and `memory` a process's, `quality` is judged
    once. Only `speed` is corrected for the machine's pace: a slower machine does not use more energy for a token.
    A `felt` metric is one that a person notices: a winner must not make it worse unasked (`guards`).
    `from_samples` computes it from a round's samples; whatever has none is measured elsewhere, and is no part of what
    the metric is. A `leading` metric is in every round, so that rounds can be pruned and shown by it. Two values of a
    metric that may be 0 are compared with `trifle` added, what nobody notices of it, in its unit. A `bound` says how
    much is not known from few items, and so is large of the default too: what is no worse than that keeps a limit.
    `plain` is what people call it.
    """

    name: str
    unit: str
    direction: Direction
    kind: Kind
    definition: str
    from_samples: FromSamples | None = field(default=None, compare=False)
    leading: bool = False
    lowest: float = 0.0
    highest: float = math.inf
    felt: bool = False
    trifle: float = 0.0
    bound: bool = False
    plain: str = ""


ADVICE = ("unused", "rebuild", "remark")
"""What a build may say of itself beside what it is."""


def without_advice(build: Mapping[str, str]) -> dict[str, str]:
    """What the build is, in the order given."""
    return {name: value for name, value in build.items() if name not in ADVICE}


@dataclass(frozen=True)
class Capabilities:
    """What this machine and build of the engine can do: `facts` bind the search space, `build` identifies the engine.

    `facts` are flat (`cpu_cores`, `gpu_count`, `gpu_offload`, …). `build` has at least `version` and `build`. Where
    the build leaves something of this machine unused, `unused` says what and `rebuild` is the command that fixes it;
    where it is not known to pay, a `remark` says both.
    """

    facts: Mapping[str, Value]
    build: Mapping[str, str]

    @property
    def identity(self) -> dict[str, str]:
        """`build` without the advice on it, whose wording makes no other engine."""
        return without_advice(self.build)


@dataclass(frozen=True)
class Model:
    """A model as the engine resolved it.

    `variants` maps a quantization to its file; "" stands for a variant that is made on demand. `native` is the
    quantization of the model as given (the baseline's), `reference` the most precise one (quality is judged against
    it). `facts` (`n_layers`, `n_vocab`, …) bind the search space and predict memory. `digest` is of the content.
    """

    name: str
    source: str
    digest: str
    variants: Mapping[str, str]
    native: str
    reference: str
    facts: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelFile:
    """The file that a session was opened on; `sha256` of its content."""

    path: str
    sha256: str
    quantization: str
    size_mib: float


@dataclass(frozen=True)
class MemoryPrediction:
    """Predicted peak in MiB on the host (resident) and on the devices, by part (`weights`, `kv_cache`, `compute`)."""

    host_mib: float
    device_mib: float
    parts_mib: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class StockHere:
    """What of people's untuned choices depends on what fits here: knobs with their values, and a line about it."""

    params: Params = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class ExportFile:
    """One file of an export. `text` is its whole content."""

    name: str
    text: str
    executable: bool = False


class Session(Protocol):
    """One configuration, loaded and ready."""

    def run(self, item: WorkItem) -> Sample:
        """Run one item from a clean state: nothing that an earlier item left behind may make it cheaper."""
        ...

    def quality(self, workload: Workload) -> Mapping[str, float]:
        """Quality metrics of this configuration on `workload.quality` (names of `tuner/core/metrics.py`), or {}."""
        ...

    def close(self) -> None:
        """Free everything; may be called once only."""
        ...


@runtime_checkable
class Inspectable(Protocol):
    """A session that can be looked into. Sessions need not be; whoever asks checks by isinstance."""

    def in_force(self) -> Mapping[str, str]:
        """What is really in force of the configuration, asked of the runtime: optimization → how it stands."""
        ...

    def profile(self, workload: Workload) -> Mapping[str, Any]:
        """Where the time goes: file name → JSON document. Takes some requests' time, and is never timed itself."""
        ...


@runtime_checkable
class ForTests(Protocol):
    """An engine that no user is told of. Engines need not say so; whoever asks checks by isinstance."""

    for_tests: bool


class Engine(Protocol):
    """How to serve one kind of model. Stateless: a new object may be made in each process.

    The attributes are what an engine declares: nothing outside of its folder knows its name, options or metrics.
    """

    name: str
    """Of letters, digits, `-` and `_`: that of its folder, or of its entry point."""
    task: str
    """One of `TASKS`."""
    default_for_task: bool
    """Whether the task uses it unless told otherwise; what ships goes before what is installed beside it."""
    space: str | Path
    """Its search space: the stem of a file in `search_spaces/`, or the path of a file of its own."""
    conf: Path
    """A folder with `engine/NAME.yaml` (its options, model, workload, objective, limits), and `model/` and `workload/`
    for what it has beside the files of the folder `conf`."""
    files: tuple[str, ...]
    """Options that name a file or a folder of the user's: `model.KEY`, `workload.KEY`."""
    facts_kept: tuple[str, ...]
    """Options of a model that its facts hold by the same name: a deploy.json on its own is measured with them."""
    metrics: tuple[Metric, ...]
    """What it yields beside the metrics of its task."""

    def capabilities(self) -> Capabilities:
        """*Worker.* What this machine and build can do. Raises MissingLibraryError with the install command."""
        ...

    def resolve_model(self, config: Mapping[str, Any], progress: Progress) -> Model:
        """*Worker.* Find, fetch or make the model of a `model` configuration. Raises ModelFileError."""
        ...

    def resolve_workload(self, config: Mapping[str, Any], model: Model, progress: Progress) -> Workload:
        """*Worker.* The work items of a `workload` configuration, fitted to the model where need be."""
        ...

    def prepare(self, model: Model, params: Params, progress: Progress) -> ModelFile:
        """*Worker.* Make the model file of `params` exist (quantize, convert) and tell which it is."""
        ...

    def prepare_quality(self, model: Model, workload: Workload, progress: Progress) -> None:
        """*Worker.* Make and cache the quality reference. Cheap when cached."""
        ...

    def open(self, model: Model, params: Params) -> Session:
        """*Worker.* Load. Raises OutOfMemoryError, UnsupportedError, ModelFileError."""
        ...

    def compiles_lazily(self, params: Params) -> bool:
        """Whether something is compiled, recorded or tuned for each length when it is first met.

        Then the first pass over a workload may be many times slower than the next ones and tells nothing of them.
        """
        ...

    def predict_memory(self, model: Model, params: Params, capabilities: Capabilities) -> MemoryPrediction:
        """What `params` will take, from the model's facts alone."""
        ...

    def stock_here(self, model: Model, params: Params, capabilities: Capabilities) -> StockHere:
        """What stands instead of values of `params`, the space's stock configuration, so that it runs here."""
        ...

    def export(self, target: str, deploy: Deployment) -> list[ExportFile]:
        """The production files of a measured configuration for one of `export_targets`."""
        ...

    @property
    def export_targets(self) -> Mapping[str, str]:
        """Target name → one line of help."""
        ...
