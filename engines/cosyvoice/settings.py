"""From knobs to what is done with them: the one place where their names and defaults are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from search_spaces.errors import TunerError, unknown_name
from search_spaces.parameter import Params

OFF = "off"
FLOW, LLM, BOTH = "flow", "llm", "both"
SPEED_ONLY = (
    "attention", "sdpa_kernel", "flash_attention_2", "compile", "compile_module", "trt_concurrent", "load_jit",
    "text_head", "prompt_cached", "concurrency", "n_threads", "cudnn_benchmark",
)  # fmt: skip
"""Knobs that leave the audio as it is, but for the last bits of a sum."""


@dataclass(frozen=True)
class Settings:
    """A configuration, every knob by its own name. The defaults are what the repository does by itself.

    `first_hop_tokens`, `hop_growth` and `hop_tokens_most` become the model's token_hop_len, stream_scale_factor and
    token_max_hop_len. `n_threads` 0 leaves torch's own number.
    """

    fp16: bool = False
    bf16: bool = False
    attention: str = "sdpa"
    sdpa_kernel: str = "auto"
    flash_attention_2: bool = False
    compile: str = OFF
    compile_module: str = FLOW
    load_trt: bool = False
    trt_concurrent: int = 1
    load_jit: bool = False
    load_vllm: bool = False
    text_head: bool = True
    stream: bool = False
    first_hop_tokens: int = 25
    hop_growth: int = 2
    hop_tokens_most: int = 100
    flow_steps: int = 10
    prompt_cached: bool = False
    concurrency: int = 1
    n_threads: int = 0
    cudnn_benchmark: bool = False
    tf32: bool = False

    @staticmethod
    def of(params: Params) -> Settings:
        """Absent knobs are at their defaults. Raises TunerError for an unknown one and for two that exclude each other.

        The search space proposes no such pair; a deploy.json that was edited by hand may.
        """
        known = [f.name for f in fields(Settings)]
        for name in params:
            if name not in known:
                raise unknown_name("knob of cosyvoice", name, known)
        # A field has the type that the space gives its knob, which mypy cannot know of a mapping.
        settings = Settings(**params)  # type: ignore[arg-type]
        if settings.fp16 and settings.bf16:
            raise TunerError("fp16 and bf16 are both true", "autocast has one type: set one of them")
        if settings.load_trt and settings.compiles(FLOW):
            raise TunerError("load_trt and compile both replace the flow's estimator", "set compile_module=llm")
        if settings.load_trt and settings.bf16:
            raise TunerError("load_trt and bf16 are both true", "a TensorRT plan takes fp32 or fp16: set one of them")
        if settings.load_vllm and settings.compiles(LLM):
            raise TunerError("load_vllm and compile both replace the LLM's layers", "set compile_module=flow")
        return settings

    def compiles(self, module: str) -> bool:
        """Whether torch.compile is asked for on FLOW or LLM."""
        return self.compile != OFF and self.compile_module in (module, BOTH)

    @property
    def hop_most(self) -> int:
        """The longest hop, never below the first."""
        return max(self.hop_tokens_most, self.first_hop_tokens) if self.hop_growth > 1 else self.first_hop_tokens

    @property
    def precision(self) -> str:
        """The type of autocast, or fp32."""
        return "fp16" if self.fp16 else "bf16" if self.bf16 else "fp32"

    def constructor(self, version: int) -> Mapping[str, Any]:
        """Keyword arguments of the repository's CosyVoice2 or CosyVoice3.

        TensorRT is loaded afterwards, from a plan of our own cache; CosyVoice3 has no load_jit.
        """
        common = {"load_trt": False, "load_vllm": self.load_vllm, "fp16": self.fp16}
        return {**common, "load_jit": self.load_jit} if version == 2 else common
