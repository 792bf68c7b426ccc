from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engines.errors import ModelFileError
from engines.llama_cpp.gguf_file import GgufHeader, Tensor
from engines.llama_cpp.model_facts import (
    check_generates,
    check_quantization,
    context_length,
    facts_of,
    quantization_of,
)
from search_spaces.errors import TunerError

_F16, _F32, _Q4_K, _Q6_K = 1, 0, 12, 14


def header() -> GgufHeader:
    tensors = (
        Tensor("token_embd.weight", (64, 1000), _F16, 0),
        Tensor("blk.0.ffn_up.weight", (64, 128), _F16, 0),
        Tensor("blk.0.ffn_norm.weight", (64,), _F32, 0),
    )
    return GgufHeader(Path("m.gguf"), 1, {"general.architecture": "llama"}, tensors)


def with_metadata(architecture: str = "llama", **metadata: Any) -> GgufHeader:
    """Metadata keys with `__` for a dot."""
    plain = {key.replace("__", "."): value for key, value in metadata.items()}
    return GgufHeader(Path("m.gguf"), 1, {"general.architecture": architecture, **plain}, header().tensors)


def test_a_generator_passes() -> None:
    check_generates(with_metadata("llama"))
    check_generates(with_metadata("qwen3", qwen3__pooling_type=0))


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (with_metadata("bert"), r"\(bert\) embeds or encodes text"),
        (with_metadata("nomic-bert-moe"), "embeds or encodes text"),
        (with_metadata("t5encoder"), "embeds or encodes text"),
        (with_metadata("clip"), "embeds or encodes text"),
        (with_metadata("qwen3", qwen3__pooling_type=3), "embeds or encodes text"),
        (with_metadata("llama", llama__attention__causal=False), "embeds or encodes text"),
        (with_metadata("llama", split__count=3, split__no=0), "is part 1 of 3 of a split model"),
        (with_metadata("llama", general__type="adapter"), "is not a model but its adapter"),
        (GgufHeader(Path("m.gguf"), 1, {}, header().tensors), "names no architecture"),
    ],
)
def test_what_cannot_chat_is_refused(found: GgufHeader, says: str) -> None:
    with pytest.raises(ModelFileError, match=says) as caught:
        check_generates(found)
    assert caught.value.hint


def test_a_file_that_does_not_say_takes_any_known_name() -> None:
    check_quantization("Q4_K_M", with_metadata("llama"))
    with pytest.raises(TunerError, match=r"as 'q4', which is no quantization") as caught:
        check_quantization("q4", with_metadata("llama"))
    assert "Q4_0" in caught.value.hint


def test_the_quantization_is_the_files_own_name_for_it() -> None:
    assert quantization_of(with_metadata(general__file_type=15)) == "Q4_K_M"
    assert quantization_of(with_metadata(general__file_type=0)) == "F32"


def test_without_a_name_the_quantization_is_that_of_most_numbers() -> None:
    assert quantization_of(header()) == "F16"
    assert quantization_of(with_metadata(general__file_type=1024)) == "F16"
    mixed = (Tensor("a", (256, 8), _Q4_K, 0), Tensor("b", (256, 2), _Q6_K, 0))
    assert quantization_of(GgufHeader(Path("m"), 1, {}, mixed)) == "Q4_K"


def test_facts_count_heads_of_keys_and_values_over_all_layers() -> None:
    facts = facts_of(
        with_metadata(
            llama__block_count=3,
            llama__embedding_length=64,
            llama__attention__head_count=8,
            llama__attention__head_count_kv=[2, 2, 0],
            llama__context_length=2048,
            llama__feed_forward_length=128,
        )
    )
    assert facts["head_width_k"] == 8
    assert facts["kv_width_k"] == facts["kv_width_v"] == 4 * 8
    assert (facts["n_layers"], facts["n_vocab"], facts["n_ctx_train"], facts["n_ff"]) == (3, 1000, 2048, 128)
    matrix, norm, embedding = 2 * 64 * 128, 4 * 64, 2 * 64 * 1000
    assert facts["layer_share"] == pytest.approx((matrix + norm) / (embedding + matrix + norm))
    assert facts["largest_share"] == pytest.approx(matrix / (embedding + matrix + norm))
    assert (facts["output_tied"], facts["output_share"]) == (True, pytest.approx(1 - facts["layer_share"]))


def test_heads_may_be_wider_than_the_embedding_says() -> None:
    facts = facts_of(
        with_metadata(
            llama__block_count=1,
            llama__embedding_length=64,
            llama__attention__head_count=4,
            llama__attention__key_length=32,
            llama__attention__value_length=16,
        )
    )
    assert (facts["kv_width_k"], facts["kv_width_v"]) == (4 * 32, 4 * 16)


@pytest.mark.parametrize(
    ("asked", "trained", "found"), [(None, 8192, 4096), (None, 2048, 2048), (None, 0, 4096), (512, 2048, 512)]
)
def test_the_context(asked: int | None, trained: int, found: int) -> None:
    assert context_length(asked, trained) == found


@pytest.mark.parametrize("asked", [0, -1, 255, True, 2.5, "4096"])
def test_a_context_that_is_no_number_of_tokens(asked: object) -> None:
    with pytest.raises(TunerError, match=r"model\.n_ctx is "):
        context_length(asked, 8192)


def test_a_context_beyond_what_the_model_was_trained_on() -> None:
    with pytest.raises(TunerError, match="n_ctx is 4096, but the model was trained on 2048 tokens"):
        context_length(4096, 2048)
