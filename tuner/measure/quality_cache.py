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
from search_spaces.parameter import Params, Value
from search_spaces.space import SearchSpace
from tuner.core.files import write_json
from tuner.measure.loaded import Loaded


@dataclass(frozen=True)
class QualityCache:
    """Quality metrics by (engine and its build, model content, workload content, knobs that affect quality)."""

    directory: Path
    engine: str
    build: Mapping[str, str]
    model_digest: str
    workload_digest: str
    space: SearchSpace

    @staticmethod
    def of(
        root: Path, engine: str, capabilities: Capabilities, model: Model, workload: Workload, space: SearchSpace
    ) -> QualityCache:
        """The cache below `root` for one engine, model and workload."""
        return QualityCache(root / "quality", engine, capabilities.identity, model.digest, workload.digest, space)

    def knobs(self, params: Params) -> dict[str, Value]:
        """The part of `params` that quality depends on, searched or fixed."""
        relevant = {p.name for p in self.space.used if "quality" in p.affects}
        return {name: value for name, value in params.items() if name in relevant}

    def get(self, params: Params) -> dict[str, float] | None:
        """The quality of `params`, or None when it was not measured yet or the entry cannot be read."""
        try:
            entry = json.loads(self._file(params).read_text())
            return {str(name): float(value) for name, value in entry["quality"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def put(self, params: Params, quality: Mapping[str, float]) -> None:
        """Keep the quality of `params`; atomic, so that concurrent studies see whole entries only."""
        self.directory.mkdir(parents=True, exist_ok=True)
        write_json(self._file(params), {**self._key(params), "quality": dict(quality)})

    def judged(self, loaded: Loaded, params: Params, timeout_s: float) -> dict[str, float]:
        """The quality of a loaded configuration: known before, or judged now and kept.

        Raises RunFailedError, and InvalidOutputError where it is not a finite number.
        """
        known = self.get(params)
        if known is not None:
            return known
        quality = dict(loaded.quality(timeout_s))
        if not all(math.isfinite(v) for v in quality.values()):
            raise InvalidOutputError(f"quality is not a finite number: {quality}")
        self.put(params, quality)
        return quality

    def _key(self, params: Params) -> dict[str, object]:
        return {
            "engine": self.engine,
            "build": dict(self.build),
            "model": self.model_digest,
            "workload": self.workload_digest,
            "knobs": self.knobs(params),
        }

    def _file(self, params: Params) -> Path:
        digest = hashlib.sha256(json.dumps(self._key(params), sort_keys=True).encode()).hexdigest()[:32]
        return self.directory / f"{digest}.json"
