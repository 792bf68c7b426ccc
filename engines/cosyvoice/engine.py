"""The engine object."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.assembled import AssembledEngine
from engines.base import Model, Progress, Workload
from engines.cosyvoice.capabilities import capabilities
from engines.cosyvoice.export import TARGETS, export
from engines.cosyvoice.memory import predict_memory
from engines.cosyvoice.models import prepare, resolve_model
from engines.cosyvoice.session import CosyVoiceSession
from engines.cosyvoice.workload import judged_requests, resolve_workload
from engines.synthesis.workload import FILES
from search_spaces.parameter import Params


class CosyVoiceEngine(AssembledEngine):
    """CosyVoice 2 and 3, through the official repository."""

    name = "cosyvoice"
    task = "tts"
    space = "tts_cosyvoice"
    conf = Path(__file__).parent / "conf"
    files = (*FILES, "workload.recording", "model.repo", "model.prompt_wav")
    capabilities = staticmethod(capabilities)
    resolve_model = staticmethod(resolve_model)
    resolve_workload = staticmethod(resolve_workload)
    prepare = staticmethod(prepare)
    session = CosyVoiceSession
    predict_memory = staticmethod(predict_memory)
    export = staticmethod(export)
    export_targets: Mapping[str, str] = TARGETS

    def compiles_lazily(self, params: Params) -> bool:
        """torch.compile, TorchScript, cuDNN's choice of algorithms and TensorRT's shapes are of each new length."""
        late = params.get("load_trt") or params.get("load_jit") or params.get("cudnn_benchmark")
        return bool(late) or params.get("compile", "off") != "off"

    def prepare_quality(self, model: Model, workload: Workload, progress: Progress) -> None:
        """*Worker.* Keep the repository's own configuration's audio and the tokens that it was made from."""
        from engines.cosyvoice import reference

        found = reference.references(model)
        wanted = reference.missing(found, judged_requests(workload))
        if not wanted:
            return
        params: dict[str, Any] = {}
        session = CosyVoiceSession(model, prepare(model, params, progress), params)
        try:
            reference.make(session, found, wanted, progress)
        finally:
            session.close()


ENGINE = CosyVoiceEngine
