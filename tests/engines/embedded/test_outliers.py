from __future__ import annotations

import numpy as np
import pytest

from engines.embedded.outliers import with_outliers
from engines.embedded.texts import held_out_text
from engines.embedded.weights import load_weights
from tests.engines.embedded.reference import log_softmax, small_logits


def test_the_function_stays_and_the_channels_differ() -> None:
    even = load_weights()
    uneven = with_outliers(even)
    tokens = [1, *even.tokenizer.encode(held_out_text())[:60]]
    expected, found = (log_softmax(small_logits(weights, tokens)) for weights in (even, uneven))
    assert float((np.exp(expected) * (expected - found)).sum(axis=-1).mean()) < 1e-6

    def spread(tensors: dict[str, np.ndarray]) -> float:
        columns = np.abs(tensors["blk.0.ffn_gate.weight"].astype(np.float64)).max(axis=0)
        return float(np.log2(columns).std())

    assert spread(dict(uneven.tensors)) > spread(dict(even.tensors)) + 0.5


def test_it_is_the_same_each_time_and_off_at_zero() -> None:
    even = load_weights()
    once, again, off = with_outliers(even), with_outliers(even), with_outliers(even, 0.0)
    for name, tensor in even.tensors.items():
        assert once.tensors[name].tobytes() == again.tensors[name].tobytes()
        assert np.array_equal(off.tensors[name], tensor)


@pytest.mark.parametrize("name", ["blk.1.attn_q.weight", "blk.2.ffn_down.weight", "output.weight"])
def test_scales_are_powers_of_two(name: str) -> None:
    even = load_weights()
    old, new = even.tensors[name].astype(np.float64), with_outliers(even).tensors[name].astype(np.float64)
    ordinary = np.abs(old) > 0.01
    ratio = np.log2(np.abs(new[ordinary] / old[ordinary]))
    assert np.array_equal(ratio, np.round(ratio))
