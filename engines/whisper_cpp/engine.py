"""The engine object: every method delegates, so that importing it imports no library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.base import (
    Capabilities,
    ExportFile,
    MemoryPrediction,
    Model,
    ModelFile,
    Progress,
    Session,
    Workload,
)
from engines.machine_limits import usable_cores
from engines.whisper_cpp import capabilities, export, memory, models, quality, session, workload
from search_spaces.parameter import Params


class WhisperCppEngine:
    """Speech recognition models in ggml files, through pywhispercpp. Stateless."""

    name = "whisper_cpp"
    task = "stt"
    space = "stt"

    def capabilities(self) -> Capabilities:
        """*Worker.* See `capabilities.capabilities`."""
        return capabilities.capabilities()

    def resolve_model(self, config: Mapping[str, Any], progress: Progress) -> Model:
        """*Worker.* See `models.resolve_model`."""
        return models.resolve_model(config, progress)

    def resolve_workload(self, config: Mapping[str, Any], model: Model, progress: Progress) -> Workload:
        """*Worker.* See `workload.resolve_workload`."""
        return workload.resolve_workload(config, model, progress)

    def prepare(self, model: Model, params: Params, progress: Progress) -> ModelFile:
        """*Worker.* See `models.prepare`."""
        return models.prepare(model, params, progress)

    def prepare_quality(self, model: Model, workload: Workload, progress: Progress) -> None:
        """*Worker.* Keep the most precise configuration's transcripts."""
        path = quality.reference_file(model, workload, capabilities.build_of())
        if path.exists() or not quality.passages(workload):
            return
        progress(f"transcribing {len(quality.passages(workload))} clips with the most precise configuration")
        params: Params = {"quantization": model.reference, "n_threads": usable_cores()}
        reference = session.WhisperCppSession(model, models.prepare(model, params, progress), params)
        try:
            quality.prepare_reference(path, workload, reference.transcript, progress)
        finally:
            reference.close()

    def open(self, model: Model, params: Params) -> Session:
        """*Worker.* See `session.WhisperCppSession`."""
        return session.WhisperCppSession(model, models.prepare(model, params, lambda text: None), params)

    def predict_memory(self, model: Model, params: Params, capabilities: Capabilities) -> MemoryPrediction:
        """See `memory.predict_memory`."""
        return memory.predict_memory(model, params, capabilities)

    def export(self, target: str, deploy: Mapping[str, Any]) -> list[ExportFile]:
        """See `export.export`."""
        return export.export(target, deploy)

    @property
    def export_targets(self) -> Mapping[str, str]:
        """What production can start from."""
        return export.TARGETS
