from __future__ import annotations

import numpy as np
import pytest

from engines.embedded.shapes import SHAPES, embed, tensor_shapes, tensor_type
from engines.embedded.weights import Dimensions, load_weights

PUBLISHED_PARAMETERS = {"llama-160m": 113.2e6, "tinyllama-1.1b": 968.9e6, "llama-3.2-1b": 973.1e6}
"""Of the layers alone, without embedding and output head: from the published configurations."""


@pytest.mark.parametrize("shape", PUBLISHED_PARAMETERS)
def test_shapes_have_the_published_size(shape: str) -> None:
    sizes = tensor_shapes(SHAPES[shape].dimensions, 1024)
    count = sum(int(np.prod(size)) for name, size in sizes.items() if name.startswith("blk."))
    assert count == pytest.approx(PUBLISHED_PARAMETERS[shape], rel=0.002)


@pytest.mark.parametrize("large", [Dimensions(512, 5, 8, 8, 1024), Dimensions(512, 6, 16, 4, 1024)], ids=["mha", "gqa"])
def test_tensors_come_in_order_with_their_shape_and_nothing_leaks_into_new_coordinates(large: Dimensions) -> None:
    weights = load_weights()
    small, expected = weights.dimensions, tensor_shapes(large, weights.tokenizer.size)
    tensors = dict(embed(weights, large))
    assert list(tensors) == list(expected)
    for name, tensor in tensors.items():
        assert tensor.shape == expected[name]
        assert tensor.dtype == tensor_type(expected[name])
        if name.endswith(("attn_output.weight", "ffn_down.weight")):
            assert not tensor[small.width :].any()
            assert bool(tensor.any()) == (name in weights.tensors)
        elif tensor.ndim == 2 and name != "token_embd.weight":
            assert (tensor == 0).mean() < 0.01, "work on zeros could be skipped"
    assert not tensors["token_embd.weight"][:, small.width :].any()


def test_small_heads_keep_a_key_value_head_each() -> None:
    weights, large = load_weights(), Dimensions(512, 4, 16, 8, 1024)
    tensors = dict(embed(weights, large))
    query, key = (weights.tensors[f"blk.0.{name}.weight"].reshape(4, 64, 256) for name in ("attn_q", "attn_k"))
    large_query = tensors["blk.0.attn_q.weight"].reshape(16, 64, 512)[:, :, :256]
    large_key = tensors["blk.0.attn_k.weight"].reshape(8, 64, 512)[:, :, :256]
    for head in range(4):
        assert np.array_equal(large_query[2 * head], query[head])
        assert np.array_equal(large_key[head], key[head])


def test_the_shape_of_the_small_model_is_itself() -> None:
    weights = load_weights()
    assert SHAPES["small"].dimensions == weights.dimensions
    for name, tensor in embed(weights, weights.dimensions):
        assert np.array_equal(tensor, weights.tensors[name])


@pytest.mark.parametrize(
    "large", [Dimensions(128, 4, 4, 4, 768), Dimensions(256, 3, 4, 4, 768), Dimensions(512, 4, 8, 2, 768)]
)
def test_no_room_is_an_error(large: Dimensions) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        list(embed(load_weights(), large))
