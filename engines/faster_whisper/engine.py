"""The engine object."""

from __future__ import annotations

from pathlib import Path

from engines.assembled import AssembledEngine
from engines.base import Model, Progress, Workload
from engines.faster_whisper.capabilities import build_of, capabilities
from engines.faster_whisper.export import TARGETS, export
from engines.faster_whisper.memory import predict_memory
from engines.faster_whisper.models import prepare, resolve_model
from engines.faster_whisper.session import FasterWhisperSession
from engines.faster_whisper.settings import NAME
from engines.machine_limits import usable_cores
from engines.recognition.reference import keep_reference, reference_file
from engines.recognition.workload import resolve_workload
from search_spaces.parameter import Params


class FasterWhisperEngine(AssembledEngine):
    """Whisper models of CTranslate2, through faster-whisper."""

    name = NAME
    task = "stt"
    space = "stt_faster_whisper"
    conf = Path(__file__).parent / "conf"
    files = ("workload.audio",)
    facts_kept = ("language",)
    capabilities = staticmethod(capabilities)
    resolve_model = staticmethod(resolve_model)
    resolve_workload = staticmethod(resolve_workload)
    prepare = staticmethod(prepare)
    session = FasterWhisperSession
    predict_memory = staticmethod(predict_memory)
    export = staticmethod(export)
    export_targets = TARGETS

    def prepare_quality(self, model: Model, workload: Workload, progress: Progress) -> str | None:
        """*Worker.* Keep the transcripts of the library's own defaults."""
        path = reference_file(NAME, model, workload, build_of())
        params: Params = {"compute_type": model.facts["default_compute_type"], "cpu_threads": usable_cores()}

        def opened() -> FasterWhisperSession:
            return FasterWhisperSession(model, prepare(model, params, progress), params)

        return keep_reference(path, workload, "the library's defaults", opened, progress)


ENGINE = FasterWhisperEngine
