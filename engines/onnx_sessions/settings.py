"""What knobs mean to onnxruntime: `SessionOptions` and providers. Pure; exports are made from it too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engines.onnx_sessions.providers import CPU, CUDA, PROVIDERS, TENSORRT
from search_spaces.errors import TunerError
from search_spaces.parameter import Params

LEVELS: Mapping[str, str] = {
    "none": "ORT_DISABLE_ALL", "basic": "ORT_ENABLE_BASIC", "extended": "ORT_ENABLE_EXTENDED", "all": "ORT_ENABLE_ALL",
}  # fmt: skip
"""Of GraphOptimizationLevel."""
MODES: Mapping[str, str] = {"sequential": "ORT_SEQUENTIAL", "parallel": "ORT_PARALLEL"}
"""Of ExecutionMode."""
_ENTRIES: Mapping[str, tuple[str, ...]] = {
    "spinning": ("session.intra_op.allow_spinning", "session.inter_op.allow_spinning"),
}
"""Knobs that are configuration entries of a session, "1" or "0"."""
_NUMBERS = {"intra_op_threads": "intra_op_num_threads", "inter_op_threads": "inter_op_num_threads"}
KNOBS = ("provider", "execution_mode", "graph_optimization", "memory_arena", *_NUMBERS, *_ENTRIES)
"""Those that `arguments` reads."""


@dataclass(frozen=True)
class Arguments:
    """Attributes of SessionOptions (of which `enums` name members), its entries, and the providers in order."""

    attributes: Mapping[str, int | bool]
    enums: Mapping[str, tuple[str, str]]
    entries: Mapping[str, str]
    providers: tuple[str, ...]


def arguments(params: Params) -> Arguments:
    """The arguments of `params`. A knob that is absent is left to onnxruntime, one that is none of KNOBS is not read.

    Raises TunerError for a provider that does not exist.
    """
    attributes: dict[str, int | bool] = {
        attribute: int(params[knob]) for knob, attribute in _NUMBERS.items() if knob in params
    }
    if "memory_arena" in params:
        attributes["enable_cpu_mem_arena"] = bool(params["memory_arena"])
    enums = {
        attribute: (kind, names[str(params[knob])])
        for knob, attribute, kind, names in (
            ("graph_optimization", "graph_optimization_level", "GraphOptimizationLevel", LEVELS),
            ("execution_mode", "execution_mode", "ExecutionMode", MODES),
        )
        if knob in params
    }
    entries = {
        entry: str(int(bool(params[knob]))) for knob, names in _ENTRIES.items() if knob in params for entry in names
    }
    return Arguments(attributes, enums, entries, _providers(str(params.get("provider", CPU))))


def _providers(name: str) -> tuple[str, ...]:
    """The provider, and those for the operators that it lacks: what TensorRT cannot do stays on the GPU."""
    if name not in PROVIDERS:
        raise TunerError(f"provider is {name!r}", f"write one of {', '.join(PROVIDERS)}")
    behind = {CPU: (), TENSORRT: (CUDA, CPU)}.get(name, (CPU,))
    return tuple(PROVIDERS[one] for one in (name, *behind))
