"""Quality measured once per distinct value of the knobs that affect it, kept by content across studies."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engines.base import Capabilities, Model, Workload
from engines.errors import InvalidOutputError
from engines.judgement import NO_LIMITS, Judgement, QualityLimits
from search_spaces.errors import TunerError
from search_spaces.parameter import Params, Value
from search_spaces.space import SearchSpace
from tuner.core.documents import dump, load
from tuner.core.files import read_json, write_json
from tuner.measure.loaded import Loaded


@dataclass(frozen=True)
class QualityCache:
    """Judgements by (engine and its build, model content, workload content, knobs that affect quality).

    One that ended early because of a limit holds for the same limits only.
    """

    directory: Path
    engine: str
    build: Mapping[str, str]
    model_digest: str
    workload_digest: str
    space: SearchSpace

    @staticmethod
    def of(
        root: Path,
        engine: str,
        capabilities: Capabilities,
        model: Model,
        workload: Workload,
        space: SearchSpace,
    ) -> QualityCache:
        """The cache below `root` for one engine, model and workload."""
        return QualityCache(root / "quality", engine, capabilities.identity, model.digest, workload.digest, space)

    def knobs(self, params: Params) -> dict[str, Value]:
        """The part of `params` that quality depends on, searched or fixed."""
        relevant = {p.name for p in self.space.used if "quality" in p.affects}
        return {name: value for name, value in params.items() if name in relevant}

    def get(self, params: Params, limits: QualityLimits = NO_LIMITS) -> Judgement | None:
        """What judging `params` came to, to the end or until one of `limits` was broken.

        None when it was not judged yet or the entry cannot be read.
        """
        return self._read(params, NO_LIMITS) or (self._read(params, limits) if limits else None)

    def put(self, params: Params, judgement: Judgement, limits: QualityLimits = NO_LIMITS) -> None:
        """Keep the judgement of `params`, ended by `limits` unless it is complete.

        Atomic, so that concurrent studies see whole entries only.
        """
        limits = NO_LIMITS if judgement.complete else limits
        self.directory.mkdir(parents=True, exist_ok=True)
        write_json(self._file(params, limits), {**self._key(params, limits), "judgement": dump(judgement)})

    def judged(self, loaded: Loaded, params: Params, limits: QualityLimits, timeout_s: float) -> Judgement:
        """What judging a loaded configuration comes to: known before, or judged now and kept.

        Raises RunFailedError, and InvalidOutputError where a metric is not a finite number.
        """
        known = self.get(params, limits)
        if known is not None:
            return known
        judgement = loaded.quality(limits, timeout_s)
        if not all(math.isfinite(v) for v in judgement.metrics.values()):
            raise InvalidOutputError(f"quality is not a finite number: {dict(judgement.metrics)}")
        self.put(params, judgement, limits)
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
