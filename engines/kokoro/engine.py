"""The engine object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engines.assembled import AssembledEngine
from engines.base import Model, Progress, Workload
from engines.kokoro.capabilities import capabilities
from engines.kokoro.export import TARGETS, export
from engines.kokoro.memory import predict_memory
from engines.kokoro.models import prepare, resolve_model
from engines.kokoro.session import KokoroSession, reference_params, references
from engines.synthesis import workload as sentences
from engines.synthesis.workload import judged_texts


class KokoroEngine(AssembledEngine):
    """Kokoro's ONNX files, through kokoro-onnx."""

    name = "kokoro"
    task = "tts"
    space = "tts_kokoro"
    capabilities = staticmethod(capabilities)
    resolve_model = staticmethod(resolve_model)
    prepare = staticmethod(prepare)
    session = KokoroSession
    predict_memory = staticmethod(predict_memory)
    export = staticmethod(export)
    export_targets = TARGETS

    def resolve_workload(self, config: Mapping[str, Any], model: Model, progress: Progress) -> Workload:
        """*Worker.* The sentences; `cached_texts` of them begin with a phrase that the cache would hold."""
        workload = sentences.resolve_workload(config, model, progress)
        phrases = tuple(str(model.facts["phrases"]).split("\n"))
        return replace(workload, facts={"cached_texts": sum(t.startswith(phrases) for t in judged_texts(workload))})

    def prepare_quality(self, model: Model, workload: Workload, progress: Progress) -> None:
        """*Worker.* Keep the audio that the most precise variant makes of each text."""
        store, texts = references(model), judged_texts(workload)
        if store.missing(texts):
            params = reference_params(model)
            session = KokoroSession(model, prepare(model, params, progress), params)
            try:
                store.make(texts, session.listen, progress)
            finally:
                session.close()
