from __future__ import annotations

import numpy as np
import pytest

from engines.embedded.weights import load_weights
from tests.engines.embedded.reference import small_logits

torch = pytest.importorskip("torch")


def test_training_computes_what_ships() -> None:
    from engines.embedded.small_model import logits

    weights, tokens = load_weights(), [1, *range(300, 360)]
    tensors = {name: torch.from_numpy(t.astype(np.float32)) for name, t in weights.tensors.items()}
    found = logits(tensors, weights.dimensions, torch.tensor([tokens]))[0].numpy()
    assert np.allclose(found, small_logits(weights, tokens), atol=2e-2)


def test_rounded_weights_take_few_values_and_pass_the_gradient() -> None:
    from engines.embedded.small_model import roughened

    tensor = torch.randn(3, 64, requires_grad=True)
    norm = torch.ones(64, requires_grad=True)
    rough = roughened({"a": tensor, "norm": norm}, bits=4)
    assert rough["norm"] is norm
    for block in rough["a"].detach().reshape(-1, 32):
        assert len(block.unique()) <= 16
    assert (rough["a"] - tensor).abs().max() > 0
    rough["a"].sum().backward()
    assert bool((tensor.grad == 1).all())
