"""The engine object."""

from __future__ import annotations

from pathlib import Path

from engines.assembled import AssembledEngine
from engines.base import Model, Progress, Workload
from engines.machine_limits import usable_cores
from engines.recognition.reference import keep_reference, reference_file
from engines.recognition.workload import resolve_workload
from engines.whisper_cpp.capabilities import build_of, capabilities
from engines.whisper_cpp.export import TARGETS, export
from engines.whisper_cpp.memory import predict_memory
from engines.whisper_cpp.models import prepare, resolve_model
from engines.whisper_cpp.session import WhisperCppSession
from engines.whisper_cpp.settings import NAME
from search_spaces.parameter import Params


class WhisperCppEngine(AssembledEngine):
    """Speech recognition models in ggml files, through pywhispercpp."""

    name = NAME
    task = "stt"
    space = "stt"
    default_for_task = True
    conf = Path(__file__).parent / "conf"
    files = ("workload.audio", "model.vad_model")
    facts_kept = ("language",)
    capabilities = staticmethod(capabilities)
    resolve_model = staticmethod(resolve_model)
    resolve_workload = staticmethod(resolve_workload)
    prepare = staticmethod(prepare)
    session = WhisperCppSession
    predict_memory = staticmethod(predict_memory)
    export = staticmethod(export)
    export_targets = TARGETS

    def prepare_quality(self, model: Model, workload: Workload, progress: Progress) -> str | None:
        """*Worker.* Keep the most precise configuration's transcripts."""
        path = reference_file(self.name, model, workload, build_of())
        params: Params = {"quantization": model.reference, "n_threads": usable_cores()}

        def opened() -> WhisperCppSession:
            return WhisperCppSession(model, prepare(model, params, progress), params)

        return keep_reference(path, workload, "the most precise configuration", opened, progress)


ENGINE = WhisperCppEngine
