"""The engine object."""

from __future__ import annotations

from pathlib import Path

from engines import own_timers
from engines.assembled import AssembledEngine
from engines.llama_cpp.capabilities import capabilities
from engines.llama_cpp.export import TARGETS, export
from engines.llama_cpp.gpu_layers import stock_here
from engines.llama_cpp.memory import predict_memory
from engines.llama_cpp.models import prepare, resolve_model
from engines.llama_cpp.quality import prepare_quality
from engines.llama_cpp.session import LlamaCppSession
from engines.llama_cpp.workload import resolve_workload


class LlamaCppEngine(AssembledEngine):
    """Language models in GGUF files, through llama-cpp-python."""

    name = "llama_cpp"
    task = "llm"
    space = "llm"
    default_for_task = True
    conf = Path(__file__).parent / "conf"
    files = ("workload.prompts",)
    facts_kept = ("n_ctx",)
    metrics = own_timers.METRICS
    capabilities = staticmethod(capabilities)
    resolve_model = staticmethod(resolve_model)
    resolve_workload = staticmethod(resolve_workload)
    prepare = staticmethod(prepare)
    prepare_quality = staticmethod(prepare_quality)
    session = LlamaCppSession
    predict_memory = staticmethod(predict_memory)
    stock_here = staticmethod(stock_here)
    export = staticmethod(export)
    export_targets = TARGETS


ENGINE = LlamaCppEngine
