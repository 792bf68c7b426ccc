"""Builds small GGUF models of the llama architecture, whole or damaged in one way, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
_WORDS = ("the", "of", "and", "a", "to", "in", "is", "you", "that", "it", "he", "was", "for", "on", "are", "as")
_FIRST_WORD = 3 + 256
_CONTROL, _NORMAL, _UNKNOWN, _BYTE = 3, 1, 2, 6


@dataclass(frozen=True)
class Shape:
    """A llama model. The vocabulary is 3 special tokens, 256 bytes, a few words, and fillers up to `vocab`."""

    embd: int = 256
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    ffn: int = 512
    vocab: int = 320
    context: int = 4096


def write_model(
    path: Path,
    shape: Shape = Shape(),
    *,
    seed: int = 0,
    architecture: str = "llama",
    fill: float | None = None,
    silent: bool = False,
    begins: bool = True,
    float32: bool = False,
    chat_template: str | None = CHAT_TEMPLATE,
    extra: dict[str, Any] | None = None,
) -> Path:
    """Write a model of random weights to `path`.

    `fill` replaces the weights of the first FFN (NaN, for one). A `silent` model gives every token the same logit and
    its first token is the end of text, so that greedy sampling answers nothing. Only a model that `begins` puts a token
    of its own before every text.
    """
    import gguf
    import numpy as np

    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(f"tiny-{shape.embd}x{shape.layers}")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.embd)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ffn)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.embd // shape.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32 if float32 else gguf.LlamaFileType.MOSTLY_F16)
    _add_tokenizer(writer, shape.vocab, chat_template, end=0 if silent else 2, begins=begins)
    for key, value in (extra or {}).items():
        writer.add_key_value(key, value, gguf.GGUFValueType.get_type(value))
    kind = np.float32 if float32 else np.float16

    def matrix(rows: int, columns: int) -> Any:
        return (rng.standard_normal((rows, columns)) / np.sqrt(columns)).astype(kind)

    head = shape.embd // shape.heads
    writer.add_tensor("token_embd.weight", (matrix(shape.vocab, shape.embd) * 8).astype(kind))
    writer.add_tensor("output_norm.weight", np.full(shape.embd, 0.0 if silent else 1.0, np.float32))
    output = matrix(shape.vocab, shape.embd)
    # Specials and bytes stay at a logit of 0, which some word always exceeds: an answer is text.
    output[:_FIRST_WORD] = 0
    writer.add_tensor("output.weight", output)
    for layer in range(shape.layers):
        name = f"blk.{layer}."
        writer.add_tensor(name + "attn_norm.weight", np.ones(shape.embd, np.float32))
        writer.add_tensor(name + "attn_q.weight", matrix(shape.embd, shape.embd))
        writer.add_tensor(name + "attn_k.weight", matrix(shape.kv_heads * head, shape.embd))
        writer.add_tensor(name + "attn_v.weight", matrix(shape.kv_heads * head, shape.embd))
        writer.add_tensor(name + "attn_output.weight", matrix(shape.embd, shape.embd))
        writer.add_tensor(name + "ffn_norm.weight", np.ones(shape.embd, np.float32))
        gate = matrix(shape.ffn, shape.embd)
        if fill is not None and layer == 0:
            gate[:] = fill
        writer.add_tensor(name + "ffn_gate.weight", gate)
        writer.add_tensor(name + "ffn_up.weight", matrix(shape.ffn, shape.embd))
        writer.add_tensor(name + "ffn_down.weight", matrix(shape.embd, shape.ffn))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: Any, vocab: int, chat_template: str | None, end: int, begins: bool) -> None:
    """A SentencePiece-style tokenizer: specials, bytes, words, and fillers that no text contains."""
    tokens: list[bytes] = [b"<unk>", b"<s>", b"</s>"]
    types = [_UNKNOWN, _CONTROL, _CONTROL]
    scores = [0.0, 0.0, 0.0]
    tokens += [f"<0x{byte:02X}>".encode() for byte in range(256)]
    types += [_BYTE] * 256
    scores += [0.0] * 256
    words = ["▁" + word for word in _WORDS]
    words += [f"~{number}~" for number in range(vocab - len(tokens) - len(words))]
    tokens += [word.encode() for word in words][: vocab - len(tokens)]
    types += [_NORMAL] * (vocab - len(types))
    scores += [-float(i) for i in range(vocab - len(scores))]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(end)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(begins)
    if chat_template is not None:
        writer.add_chat_template(chat_template)
