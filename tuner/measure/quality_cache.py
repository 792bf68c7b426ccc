"""Quality measured once per distinct value of the knobs that affect it, kept by content across studies."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engines.base import Capabilities, Model, Workload
from engines.errors import InvalidOutputError
from engines.judgement import NO_LIMITS, Judgement, QualityLimits
from search_spaces.errors import TunerError
from search_spaces.parameter import Params, Value
from search_spaces.space import SearchSpace
from tuner.core.documents import dump, load
from tuner.core.files import read_json, write_json
from tuner.core.metrics import metric
from tuner.core.objective import Constraint
from tuner.measure.loaded import Loaded


@dataclass(frozen=True)
class QualityCache:
    """Judgements by (engine and its build, model content, workload content, knobs that affect quality).

    One that ended early because of the `limits` of a study holds for studies of these limits only.
    """

    directory: Path
    engine: str
    build: Mapping[str, str]
    model_digest: str
    workload_digest: str
    space: SearchSpace
    limits: QualityLimits = field(default_factory=dict)

    @staticmethod
    def of(
        root: Path,
        engine: str,
        capabilities: Capabilities,
        model: Model,
        workload: Workload,
        space: SearchSpace,
        constraints: Sequence[Constraint] = (),
    ) -> QualityCache:
        """The cache below `root` for one engine, model and workload, in a study of these constraints."""
        limits = {c.metric: c.limit for c in constraints if metric(c.metric).kind == "quality"}
        digests = (model.digest, workload.digest)
        return QualityCache(root / "quality", engine, capabilities.identity, *digests, space, limits)

    def knobs(self, params: Params) -> dict[str, Value]:
        """The part of `params` that quality depends on, searched or fixed."""
        relevant = {p.name for p in self.space.used if "quality" in p.affects}
        return {name: value for name, value in params.items() if name in relevant}

    def get(self, params: Params, whole: bool = False) -> Judgement | None:
        """What judging `params` came to; None when it was not judged yet or the entry cannot be read.

        With `whole` one that ended early does not count.
        """
        return self._read(params, NO_LIMITS) or (None if whole else self._read(params, self.limits))

    def put(self, params: Params, judgement: Judgement) -> None:
        """Keep the judgement of `params`; atomic, so that concurrent studies see whole entries only."""
        limits = NO_LIMITS if judgement.complete else self.limits
        self.directory.mkdir(parents=True, exist_ok=True)
        write_json(self._file(params, limits), {**self._key(params, limits), "judgement": dump(judgement)})

    def judged(self, loaded: Loaded, params: Params, timeout_s: float, whole: bool = False) -> Judgement:
        """What judging a loaded configuration comes to: known before, or judged now and kept.

        `whole` judges on where a limit is broken. Raises RunFailedError, and InvalidOutputError where a metric is not a
        finite number.
        """
        known = self.get(params, whole)
        if known is not None:
            return known
        judgement = loaded.quality(NO_LIMITS if whole else self.limits, timeout_s)
        if not all(math.isfinite(v) for v in judgement.metrics.values()):
            raise InvalidOutputError(f"quality is not a finite number: {dict(judgement.metrics)}")
        self.put(params, judgement)
        return judgement

    def _read(self, params: Params, limits: QualityLimits) -> Judgement | None:
        try:
            return load(Judgement, read_json(self._file(params, limits))["judgement"])
        except (TunerError, KeyError, TypeError):
            return None

    def _key(self, params: Params, limits: QualityLimits) -> dict[str, object]:
        return {
            "engine": self.engine,
            "build": dict(self.build),
            "model": self.model_digest,
            "workload": self.workload_digest,
            "knobs": self.knobs(params),
            **({"limits": dict(limits)} if limits else {}),
        }

    def _file(self, params: Params, limits: QualityLimits) -> Path:
        digest = hashlib.sha256(json.dumps(self._key(params, limits), sort_keys=True).encode()).hexdigest()[:32]
        return self.directory / f"{digest}.json"
