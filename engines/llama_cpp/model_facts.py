"""What a model's header tells: whether it can chat, and the facts that bind the search space and predict memory."""

from __future__ import annotations

from typing import Any

from engines.errors import ModelFileError
from engines.llama_cpp.gguf_cursor import ArrayLength
from engines.llama_cpp.gguf_file import GgufHeader
from search_spaces.errors import TunerError, unknown_name
from search_spaces.parameter import Value

DEFAULT_CONTEXT = 4096
_LEAST_CONTEXT = 256
"""llama.cpp rounds a context up to a multiple of it."""
CHAT_TEMPLATE = "tokenizer.chat_template"
"""Without it a model is a base model, which continues texts. Templates under other names are no default."""
_ENCODERS = ("t5", "t5encoder", "clip")


def check_generates(header: GgufHeader) -> None:
    """Raise ModelFileError for a file that holds no text generator, or only a part of one."""
    if not header.architecture:
        raise ModelFileError(f"{header.path} names no architecture", "convert the model again")
    parts = int(header.metadata.get("split.count", 0))
    if parts > 1:
        raise ModelFileError(
            f"{header.path} is part {int(header.metadata.get('split.no', 0)) + 1} of {parts} of a split model",
            "merge the parts: llama-gguf-split --merge FIRST_PART OUT",
        )
    if header.metadata.get("general.type", "model") in ("adapter", "mmproj"):
        raise ModelFileError(
            f"{header.path} is not a model but its {header.metadata['general.type']}", "name the model"
        )
    pooled = int(header.of_architecture("pooling_type", 0)) > 0
    causal = bool(header.of_architecture("attention.causal", True))
    if pooled or not causal or header.architecture in _ENCODERS or "bert" in header.architecture:
        raise ModelFileError(
            f"{header.path} ({header.architecture}) embeds or encodes text and cannot answer a chat",
            "name a text-generation model",
        )


def quantization_of(header: GgufHeader) -> str:
    """The file's own name for its quantization (`Q4_K_M`, `F16`), or that of the type most of it has."""
    from gguf.constants import GGMLQuantizationType

    if stated := stated_quantization(header):
        return stated
    elements: dict[int, int] = {}
    for tensor in header.tensors:
        elements[tensor.type_id] = elements.get(tensor.type_id, 0) + tensor.elements
    commonest = max(elements, key=lambda type_id: elements[type_id])
    return str(GGMLQuantizationType(commonest).name) if commonest in set(GGMLQuantizationType) else f"type{commonest}"


def stated_quantization(header: GgufHeader) -> str:
    """The file's own name for its quantization; "" where it does not say."""
    return _quantizations().get(header.metadata.get("general.file_type"), "")


def check_quantization(name: str, header: GgufHeader) -> None:
    """Raise TunerError unless `name` is what the file says that it is or, of one that does not say, a known name."""
    stated = stated_quantization(header)
    if stated and name != stated:
        raise TunerError(
            f"model.variants has {header.path.name} as {name!r}, but the file says that it is {stated}",
            f"write {{{stated}: {header.path}}}",
        )
    if name not in _quantizations().values():
        error = unknown_name("quantization", name, _quantizations().values())
        raise TunerError(f"model.variants has {header.path.name} as {name!r}, which is no quantization", error.hint)


def _quantizations() -> dict[Any, str]:
    """llama.cpp's numbers of file types and their names."""
    from gguf.constants import LlamaFileType

    known = set(LlamaFileType) - {LlamaFileType.GUESSED}
    return {int(t): str(t.name).removeprefix("MOSTLY_").removeprefix("ALL_") for t in known}


def context_length(asked: Any, trained: int) -> int:
    """The context in tokens: what was asked for, or 4096 (less for a model trained on less). Raises TunerError."""
    if asked is None:
        return min(DEFAULT_CONTEXT, trained) if trained else DEFAULT_CONTEXT
    if not isinstance(asked, int) or isinstance(asked, bool) or asked < _LEAST_CONTEXT:
        raise TunerError(f"model.n_ctx is {asked!r}", f"give a whole number of tokens, at least {_LEAST_CONTEXT}")
    if trained and asked > trained:
        raise TunerError(
            f"model.n_ctx is {asked}, but the model was trained on {trained} tokens", f"use n_ctx={trained} or less"
        )
    return asked


def facts_of(header: GgufHeader) -> dict[str, Value]:
    """Sizes of the model. `kv_width_k` and `kv_width_v` are numbers per token over all layers."""
    layers = int(header.of_architecture("block_count", 0))
    width = int(header.of_architecture("embedding_length", 0))
    heads = _per_layer(header.of_architecture("attention.head_count", 1), layers)
    kv_heads = _per_layer(header.of_architecture("attention.head_count_kv", heads), layers)
    head_width = width // max(heads[:1] or [1]) if width else 0
    key_width = int(header.of_architecture("attention.key_length", head_width))
    value_width = int(header.of_architecture("attention.value_length", head_width))
    return {
        "architecture": header.architecture,
        "n_layers": layers,
        "n_embd": width,
        "n_ff": max(_per_layer(header.of_architecture("feed_forward_length", 0), layers), default=0),
        "n_heads": max(heads, default=1),
        "n_experts": int(header.of_architecture("expert_count", 0)),
        "n_vocab": _vocabulary_size(header),
        "n_ctx_train": int(header.of_architecture("context_length", 0)),
        "head_width_k": key_width,
        "head_width_v": value_width,
        "kv_width_k": sum(kv_heads) * key_width,
        "kv_width_v": sum(kv_heads) * value_width,
        "chat_template": CHAT_TEMPLATE in header.metadata,
        "n_parameters": sum(tensor.elements for tensor in header.tensors),
        **_shares(header),
    }


def _shares(header: GgufHeader) -> dict[str, Value]:
    """Shares of the tensors' bytes: the layers', the largest single matrix of theirs, and the output's.

    Without an output of its own (`output_tied`) a model computes it with the embedding, which llama.cpp loads once more
    where the output is on a device.
    """
    sizes = {tensor.name: tensor.size_bytes or tensor.elements for tensor in header.tensors}
    whole, layers = max(sum(sizes.values()), 1), [size for name, size in sizes.items() if name.startswith("blk.")]
    tied = "output.weight" not in sizes
    return {
        "layer_share": sum(layers) / whole,
        "largest_share": max(layers, default=0) / whole,
        "output_share": sizes.get("token_embd.weight" if tied else "output.weight", 0) / whole,
        "output_tied": tied,
    }


def _per_layer(value: Any, layers: int) -> list[int]:
    """One number per layer, from a number for all or a list."""
    if isinstance(value, ArrayLength):
        return [0] * layers
    return [int(v) for v in value] if isinstance(value, list) else [int(value)] * layers


def _vocabulary_size(header: GgufHeader) -> int:
    """Rows of the output: the extent of the embedding, which may exceed the tokenizer's list."""
    for tensor in header.tensors:
        if tensor.name == "token_embd.weight" and len(tensor.shape) > 1:
            return tensor.shape[1]
    tokens = header.metadata.get("tokenizer.ggml.tokens", ArrayLength(0))
    return tokens.length if isinstance(tokens, ArrayLength) else len(tokens)
