from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engines.embedded import weights
from engines.embedded.corpus import fingerprint
from engines.embedded.tokenizer import Tokenizer
from engines.embedded.weight_file import shorten
from engines.embedded.weights import Dimensions, Weights, load_weights, save_weights


@given(arrays.arrays(np.float32, st.integers(1, 50), elements=st.floats(-1000, 1000, width=32)))
def test_shortening_keeps_eight_significant_bits(values: np.ndarray) -> None:
    short = shorten(values)
    assert short.dtype == np.float16
    assert not np.any(short.view(np.uint16) & 7)
    # Two roundings, to 10 and to 7 binary places; below 2^-14 float16 has no exponent left, and the last unit is 2^-21.
    error = np.abs(short.astype(np.float64) - values)
    assert np.all(error <= np.abs(values) * (2**-8 + 2**-11) + 2**-21)
    assert np.array_equal(shorten(short.astype(np.float32)), short)


def test_what_is_saved_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    tensors = {"a.weight": shorten(rng.normal(size=(5, 3)).astype(np.float32)), "b.weight": np.ones(7, np.float16)}
    saved = Weights(Dimensions(256, 1, 4, 4, 256), Tokenizer(("ab", "\u2581c", "a")), tensors, {"steps": 3})
    save_weights(saved, tmp_path / "other.xz")
    monkeypatch.setattr(weights, "WEIGHTS_FILE", tmp_path / "other.xz")
    load_weights.cache_clear()
    loaded = load_weights()
    load_weights.cache_clear()
    assert (loaded.dimensions, loaded.tokenizer, loaded.notes) == (saved.dimensions, saved.tokenizer, saved.notes)
    assert list(loaded.tensors) == list(tensors)
    for name, tensor in tensors.items():
        assert loaded.tensors[name].tobytes() == tensor.tobytes()
        assert loaded.tensors[name].shape == tensor.shape


def test_the_shipped_file_is_small_and_whole() -> None:
    shipped = load_weights()
    assert weights.WEIGHTS_FILE.stat().st_size < 8e6
    assert shipped.tokenizer.size == len(shipped.tensors["output.weight"]) == len(shipped.tensors["token_embd.weight"])
    assert all(np.isfinite(tensor).all() for tensor in shipped.tensors.values())
    assert shipped.dimensions.width % 256 == 0
    assert shipped.dimensions.feed_forward % 256 == 0


def test_the_weights_were_trained_on_the_corpus_of_this_version() -> None:
    """Fails when the grammar changes: train again, or the held-out text may be none."""
    assert load_weights().notes["corpus"] == fingerprint()
