"""Which optimizations are really in force, asked of the runtime: what was asked for may have been dropped silently.

The repository itself drops fp16, TensorRT and TorchScript without a GPU, and torch.compile falls back to eager code.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from engines.cosyvoice.optimizations import kernel_enabled

_KERNEL_NAMES = {"flash": "flash", "mem_efficient": "efficient", "cudnn": "cudnn", "math": "math"}


class Observed:
    """What is seen while requests run: the type of autocast in the LLM and the flow, and the flow's solver steps."""

    def __init__(self, torch: Any, model: Any) -> None:
        self._torch, self._device = torch, model.device.type
        self._lock = threading.Lock()
        self._dtypes: dict[str, str] = {}
        self._steps = self._calls = 0
        self._watch_llm(model.llm)
        self._watch_flow(model.flow.decoder)

    @property
    def steps(self) -> float:
        """Solver steps of a call of the flow; 0 before the first."""
        return self._steps / self._calls if self._calls else 0.0

    def dtype(self, stage: str) -> str:
        """The type that `llm` or `flow` computed matrix products in; "not run" where it has not run."""
        return self._dtypes.get(stage, "not run")

    def _note(self, stage: str) -> None:
        torch = self._torch
        on = torch.is_autocast_enabled(self._device)
        name = str(torch.get_autocast_dtype(self._device)).removeprefix("torch.") if on else "float32"
        self._dtypes[stage] = name

    def _watch_llm(self, llm: Any) -> None:
        one_step = llm.llm.forward_one_step

        def watched(*args: Any, **kwargs: Any) -> Any:
            self._note("llm")
            return one_step(*args, **kwargs)

        llm.llm.forward_one_step = watched

    def _watch_flow(self, decoder: Any) -> None:
        step, solve = decoder.forward_estimator, decoder.solve_euler

        def one_step(*args: Any, **kwargs: Any) -> Any:
            self._note("flow")
            with self._lock:
                self._steps += 1
            return step(*args, **kwargs)

        def all_steps(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                self._calls += 1
            return solve(*args, **kwargs)

        decoder.forward_estimator, decoder.solve_euler = one_step, all_steps


def in_force(torch: Any, model: Any, observed: Observed) -> dict[str, str]:
    """One line for each optimization, as the runtime has it."""
    estimator, llm = model.flow.decoder.estimator, model.llm
    return {
        "device": device_name(torch, model),
        "autocast": f"LLM {observed.dtype('llm')}, flow {observed.dtype('flow')}",
        "flow estimator": _estimator(torch, estimator),
        "flow encoder": _encoder(torch, model.flow),
        "flow steps": f"{observed.steps:g}" if observed.steps else "not run",
        "LLM": _llm(llm),
        "attention of the LLM": _attention(llm),
        "attention kernels": ", ".join(said for name, said in _KERNEL_NAMES.items() if kernel_enabled(torch, name)),
        "text head": "with vLLM none" if hasattr(llm, "vllm") else _text_head(torch, llm.llm.model),
        "torch threads": str(torch.get_num_threads()),
        "cuDNN benchmark": _on(torch.backends.cudnn.benchmark),
        "32-bit matrix products": torch.get_float32_matmul_precision(),
        "hop": f"{model.token_hop_len} tokens, ×{model.stream_scale_factor} up to {model.token_max_hop_len}",
    }


def device_name(torch: Any, model: Any) -> str:
    """The GPU's name, or `cpu`."""
    return str(torch.cuda.get_device_name(model.device)) if model.device.type == "cuda" else str(model.device.type)


def _estimator(torch: Any, estimator: Any) -> str:
    if not isinstance(estimator, torch.nn.Module):
        engine = getattr(estimator, "trt_engine", None)
        if engine is None:
            return type(estimator).__name__
        mib = int(getattr(engine, "device_memory_size_v2", 0) or getattr(engine, "device_memory_size", 0)) / 2**20
        contexts = estimator.trt_context_pool.maxsize
        return f"TensorRT engine, {contexts} context{'s' * (contexts > 1)}, {mib:.0f} MiB of activations each"
    return _compiled(torch, estimator)


def _compiled(torch: Any, module: Any) -> str:
    if getattr(module, "_compiled_call_impl", None) is None:
        return "eager"
    from torch._dynamo.utils import counters

    stats: Mapping[str, int] = counters["stats"]
    graphs, breaks = stats.get("unique_graphs", 0), sum(counters["graph_break"].values())
    if not graphs:
        return "asked to compile, and no graph was compiled"
    return f"compiled ({graphs} graphs in this process, {breaks} graph breaks)"


def _encoder(torch: Any, flow: Any) -> str:
    encoder = getattr(flow, "encoder", None)
    if encoder is None:
        return "none"
    return "TorchScript" if isinstance(encoder, torch.jit.ScriptModule) else "eager"


def _llm(llm: Any) -> str:
    if hasattr(llm, "vllm"):
        return "vLLM"
    compiled = getattr(llm.llm.model.model, "_compiled_call_impl", None) is not None
    return "transformers, compiled" if compiled else "transformers, eager"


def _attention(llm: Any) -> str:
    return "vLLM's own" if hasattr(llm, "vllm") else str(llm.llm.model.config._attn_implementation)


def _text_head(torch: Any, qwen: Any) -> str:
    return (
        "left out" if isinstance(qwen.lm_head, torch.nn.Identity) else f"computed ({qwen.lm_head.out_features} logits)"
    )


def _on(value: object) -> str:
    return "on" if value else "off"
