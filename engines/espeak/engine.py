"""The engine object."""

from __future__ import annotations

from pathlib import Path

from engines.assembled import AssembledEngine
from engines.base import Capabilities, MemoryPrediction, Model, Progress, Workload
from engines.espeak.capabilities import capabilities
from engines.espeak.export import TARGETS, export
from engines.espeak.models import prepare, resolve_model
from engines.espeak.session import REFERENCE, EspeakSession, references
from engines.synthesis.session import prepare_references
from engines.synthesis.workload import FILES, resolve_workload
from search_spaces.parameter import Params

_PROCESS_MIB = 80.0
"""Python, numpy, the library with its dictionary, and a round's audio, measured."""


class EspeakEngine(AssembledEngine):
    """Formant synthesis by rules: real streamed speech without a download, and the least that speech can cost."""

    name = "espeak"
    task = "tts"
    space = "tts_espeak"
    default_for_task = True
    conf = Path(__file__).parent / "conf"
    files = FILES
    capabilities = staticmethod(capabilities)
    resolve_model = staticmethod(resolve_model)
    resolve_workload = staticmethod(resolve_workload)
    prepare = staticmethod(prepare)
    session = EspeakSession
    export = staticmethod(export)
    export_targets = TARGETS

    def prepare_quality(self, model: Model, workload: Workload, progress: Progress) -> None:
        """*Worker.* Keep the audio of each text read in one piece."""

        def reference() -> EspeakSession:
            return EspeakSession(model, prepare(model, REFERENCE, progress), REFERENCE)

        prepare_references(references(model), workload, reference, progress)

    def predict_memory(self, model: Model, params: Params, capabilities: Capabilities) -> MemoryPrediction:
        """The same for all."""
        return MemoryPrediction(_PROCESS_MIB, 0.0, {"process": _PROCESS_MIB})


ENGINE = EspeakEngine
