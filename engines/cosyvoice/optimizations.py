"""What a configuration changes in a loaded model and in the process, and what the runtime says of it afterwards.

Everything is done to the objects that the repository made, through torch's and transformers' own interfaces; the
repository's files stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import metadata
from typing import Any

from engines.cosyvoice.settings import FLOW, LLM, Settings
from engines.errors import UnsupportedError

SOUND_UNTIL = (4, 51, 3)
"""The newest transformers whose Qwen2 takes the repository's calls as they are meant (the version that it pins).

The repository hands an attention mask for the new token alone together with a cache of all earlier ones. Newer versions
take that for a mask over everything, and the LLM then attends to one position. Without a mask the plain causal one is
used, which is what is meant: the hidden states agree with those of version 4.51.3 to 5e-7.

It also asks for the hidden states of every layer and reads the last. Newer versions collect them by replacing the
layers' methods during the call, so that of two requests at the same time one gets none. The last one is there without.
"""
_KERNELS: dict[str, tuple[str, ...]] = {
    "auto": ("flash", "mem_efficient", "math", "cudnn"),
    "math": ("math",),
    "flash": ("flash", "math"),
    "efficient": ("mem_efficient", "math"),
    "cudnn": ("cudnn", "math"),
}
"""What each choice leaves switched on; math stays, because no other kernel takes every mask and length."""


def tune_process(torch: Any, settings: Settings) -> Callable[[], None]:
    """Set threads, kernels and precision of this process; returns what sets them back."""
    undo = ExitStack()
    if settings.n_threads:
        undo.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(settings.n_threads)
    for name in _KERNELS["auto"]:
        undo.callback(getattr(torch.backends.cuda, f"enable_{name}_sdp"), kernel_enabled(torch, name))
        getattr(torch.backends.cuda, f"enable_{name}_sdp")(name in _KERNELS[settings.sdpa_kernel])
    undo.callback(setattr, torch.backends.cudnn, "benchmark", torch.backends.cudnn.benchmark)
    torch.backends.cudnn.benchmark = settings.cudnn_benchmark
    undo.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
    torch.set_float32_matmul_precision("high" if settings.tf32 else "highest")
    return undo.close


def kernel_enabled(torch: Any, name: str) -> bool:
    """Whether a kernel of scaled_dot_product_attention may be used in this process."""
    return bool(getattr(torch.backends.cuda, f"{name}_sdp_enabled")())


def tune_model(torch: Any, model: Any, settings: Settings) -> None:
    """Put the configuration into a loaded CosyVoice2Model or CosyVoice3Model. Raises UnsupportedError."""
    if not settings.load_vllm:
        _tune_llm(torch, model.llm.llm.model, settings)
    if settings.flow_steps != Settings.flow_steps:
        _set_steps(model.flow.decoder, settings.flow_steps)
    if settings.bf16:
        _autocast(torch, model)
    if settings.compiles(FLOW):
        model.flow.decoder.estimator.compile(mode=settings.compile)
    if settings.compiles(LLM):
        model.llm.llm.model.model.compile(mode=settings.compile)


def _tune_llm(torch: Any, qwen: Any, settings: Settings) -> None:
    if transformers_version() > SOUND_UNTIL:
        qwen.register_forward_pre_hook(_as_meant, with_kwargs=True)
        qwen.model.register_forward_hook(_with_last_state)
    attention = "flash_attention_2" if settings.flash_attention_2 else settings.attention
    try:
        if hasattr(qwen, "set_attn_implementation"):
            qwen.set_attn_implementation(attention)
        else:  # before transformers 4.52 each call reads the name
            qwen.config._attn_implementation = attention
    except (ImportError, ValueError) as error:
        raise UnsupportedError(f"attention {attention} cannot be used: {str(error).splitlines()[0]}") from error
    if not settings.text_head:
        qwen.lm_head = torch.nn.Identity()


def transformers_version() -> tuple[int, ...]:
    """Of the installed transformers: (4, 57, 1)."""
    numbers = metadata.version("transformers").split(".")[:3]
    return tuple(int("".join(c for c in number if c.isdigit()) or 0) for number in numbers)


def _as_meant(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    return args, {**kwargs, "attention_mask": None, "output_hidden_states": False}


def _with_last_state(module: Any, args: tuple[Any, ...], output: Any) -> Any:
    output.hidden_states = (output.last_hidden_state,)
    return output


def _set_steps(decoder: Any, steps: int) -> None:
    forward = decoder.forward
    decoder.forward = lambda *args, **kwargs: forward(*args, **{**kwargs, "n_timesteps": steps})


def _autocast(torch: Any, model: Any) -> None:
    """bfloat16 around the LLM and the flow, inside the repository's own autocast, which would switch it off."""
    device, speak, flow = model.device.type, model.llm.inference, model.flow.inference

    def tokens(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with torch.autocast(device, dtype=torch.bfloat16):
            yield from speak(*args, **kwargs)

    def mel(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast(device, dtype=torch.bfloat16):
            return flow(*args, **kwargs)

    model.llm.inference, model.flow.inference = tokens, mel


def reset_streaming(model: Any, settings: Settings) -> None:
    """Put the hop back to its beginning: the repository lengthens it with every chunk and never shortens it."""
    model.token_hop_len = settings.first_hop_tokens
    model.token_max_hop_len = settings.hop_most
    model.stream_scale_factor = settings.hop_growth
