"""The engine object."""

from __future__ import annotations

from pathlib import Path

from engines.assembled import AssembledEngine
from engines.base import Model, Progress, Workload
from engines.onnx_sessions.providers import CPU
from engines.piper.capabilities import capabilities
from engines.piper.export import TARGETS, export
from engines.piper.memory import predict_memory
from engines.piper.models import prepare, resolve_model
from engines.piper.session import PiperSession, references
from engines.synthesis.session import prepare_references
from engines.synthesis.workload import FILES, resolve_workload
from search_spaces.parameter import Params


class PiperEngine(AssembledEngine):
    """Piper's voices, through piper-tts: a neural voice that runs many times faster than real time on a CPU."""

    name = "piper"
    task = "tts"
    space = "tts_piper"
    conf = Path(__file__).parent / "conf"
    files = (*FILES, "model.config")
    facts_kept = ("config", "speaker")
    capabilities = staticmethod(capabilities)
    resolve_model = staticmethod(resolve_model)
    resolve_workload = staticmethod(resolve_workload)
    prepare = staticmethod(prepare)
    session = PiperSession
    predict_memory = staticmethod(predict_memory)
    export = staticmethod(export)
    export_targets = TARGETS

    def compiles_lazily(self, params: Params) -> bool:
        """On a GPU kernels are chosen for each new length."""
        return params.get("provider", CPU) != CPU

    def prepare_quality(self, model: Model, workload: Workload, progress: Progress) -> None:
        """*Worker.* Keep the audio that piper-tts makes of each text by default."""

        def reference() -> PiperSession:
            return PiperSession(model, prepare(model, {}, progress), {})

        prepare_references(references(model), workload, reference, progress)


ENGINE = PiperEngine
