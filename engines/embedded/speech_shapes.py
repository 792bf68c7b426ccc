"""True shapes of Whisper, and how the small trained model is laid into one so that it computes the same.

Every vector of the large model is the small one's, repeated: LayerNorm takes mean and variance over all coordinates,
which repeating leaves as they are (padding with zeros would not). A matrix becomes its own copies side by side and one
above the other, divided by their number, because each output sums over the repeated inputs. Heads repeat too. The
output table is the input table, so its sums grow by the number of copies: the last norm is divided by it. Layers that
the small model lacks have zero output projections; what feeds these is random, so that no work can be skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.embedded.speech_weights import SpeechWeights
from engines.embedded.spoken_tokens import VOCABULARY
from engines.embedded.whisper_tensors import WhisperSize, sines, tensor_shapes

Tensor = NDArray[np.float16] | NDArray[np.float32]

_FILL_SEED = 20260102
_FILL_SCALE = 0.02


@dataclass(frozen=True)
class SpeechShape:
    """The size of a published model, which sets memory, load time and speed; `like` names it ("" for none)."""

    size: WhisperSize
    like: str


SPEECH_SHAPES: dict[str, SpeechShape] = {
    "small-trained": SpeechShape(WhisperSize(128, 4), ""),
    "whisper-tiny": SpeechShape(WhisperSize(384, 4), "openai/whisper-tiny.en"),
    "whisper-base": SpeechShape(WhisperSize(512, 6), "openai/whisper-base.en"),
    "whisper-small": SpeechShape(WhisperSize(768, 12), "openai/whisper-small.en"),
}
"""`small-trained` is the trained model itself, for tests."""


def grow(weights: SpeechWeights, large: WhisperSize) -> Iterator[tuple[str, Tensor]]:
    """The tensors of `weights` in a model of size `large`, in file order, one at a time, with the file's vocabulary.

    Norms, biases and positions are float32, as whisper.cpp demands; the rest is float16. Raises ValueError when the
    large width is no multiple of the small one, or layers are missing.
    """
    small = weights.size
    copies, rest = divmod(large.width, small.width)
    if rest or large.layers < small.layers:
        raise ValueError(f"{small} cannot be grown to {large}")
    rng = np.random.default_rng(_FILL_SEED)
    for name, shape in tensor_shapes(large, VOCABULARY).items():
        source = _source(weights, name)
        if source is None:
            yield name, _added(name, shape, rng)
            continue
        tensor = _repeated(name, source.astype(np.float32), copies)
        if name == "decoder.token_embedding.weight":
            table = np.zeros(shape, np.float16)
            table[list(weights.tokens.ids)] = tensor
            yield name, table
        else:
            yield name, _typed(tensor, name, shape)


def _source(weights: SpeechWeights, name: str) -> NDArray[np.float16] | NDArray[np.float32] | None:
    if name == "encoder.positional_embedding":
        return sines(*tensor_shapes(weights.size, 1)[name])
    return weights.tensors.get(name)


def _repeated(name: str, source: NDArray[np.float32], copies: int) -> NDArray[np.float32]:
    """`source` with its outputs repeated, and its inputs repeated and shared among the copies."""
    if name in ("decoder.ln.weight", "decoder.ln.bias"):
        return np.tile(source, copies) / np.float32(copies)
    if source.ndim == 1 or "conv1" in name or name == "encoder.conv2.bias":
        return np.tile(source, (copies,) + (1,) * (source.ndim - 1))
    if "embedding" in name:
        return np.tile(source, (1, copies))
    return np.tile(source, (copies, copies) + (1,) * (source.ndim - 2)) / np.float32(copies)


def _added(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> Tensor:
    """A tensor of a layer that the small model lacks, which adds nothing to what passes through it."""
    if name.endswith("_ln.weight"):
        return np.ones(shape, np.float32)
    if name.endswith(("bias", "out.weight", "mlp.2.weight")):
        return _typed(np.zeros(shape, np.float32), name, shape)
    return _typed((rng.random(shape, np.float32) - np.float32(0.5)) * np.float32(2 * _FILL_SCALE), name, shape)


def _typed(tensor: NDArray[np.float32], name: str, shape: tuple[int, ...]) -> Tensor:
    """Norms, biases and positions stay float32."""
    if len(shape) == 1 or name.endswith("bias") or "positional" in name:
        return tensor
    return tensor.astype(np.float16)
