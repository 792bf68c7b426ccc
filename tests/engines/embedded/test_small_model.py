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
