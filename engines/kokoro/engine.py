"""The engine object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from engines.assembled import AssembledEngine
from engines.base import Model, Progress, Workload
from engines.kokoro.capabilities import capabilities
from engines.kokoro.export import TARGETS, export
from engines.kokoro.memory import predict_memory
from engines.kokoro.models import prepare, resolve_model
from engines.kokoro.session import KokoroSession, reference_params, references
from engines.model_files import EMBEDDED
from engines.synthesis import workload as sentences
from engines.synthesis.session import prepare_references
from engines.synthesis.splitting import opening
from search_spaces.parameter import Params


class KokoroEngine(AssembledEngine):
    """Kokoro's ONNX files, through kokoro-onnx."""

    name = "kokoro"
    task = "tts"
    space = "tts_kokoro"
    conf = Path(__file__).parent / "conf"
    files = (*sentences.FILES, "model.voices", "model.phrases")
    facts_kept = ("voices", "voice", "language")
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
        phrases, texts = str(model.facts["phrases"]).split("\n"), [str(i.payload["text"]) for i in workload.items]
        begin = [text for text in texts if opening(text, phrases)]
        whole = sum(text in phrases for text in begin)
        notes = list(workload.notes)
        if begin:
            notes.append(
                f"{len(begin)} of {len(texts)} texts begin with a phrase of the cache, {whole} are nothing else"
            )
        if model.source == EMBEDDED:
            notes.append(
                "the weights are generated, and split texts sound all different: splitting breaks the limit on "
                "mel_distance_db_worst; constraints.mel_distance_db_worst=null searches it for its speed"
            )
        return replace(workload, notes=tuple(notes), facts={"cached_texts": len(begin)})

    def compiles_lazily(self, params: Params) -> bool:
        """Providers for devices choose or build kernels for each new length."""
        return params.get("provider", "cpu") not in ("cpu", "xnnpack", "dnnl")

    def prepare_quality(self, model: Model, workload: Workload, progress: Progress) -> None:
        """*Worker.* Keep the audio that the most precise variant makes of each text."""

        def reference() -> KokoroSession:
            params = reference_params(model)
            return KokoroSession(model, prepare(model, params, progress), params)

        prepare_references(references(model), workload, reference, progress)


ENGINE = KokoroEngine
