"""A stand-in for Kokoro's graph with its interface, small enough for tests: a tone of 1800 samples for each phoneme.

The tone's level follows an embedding of the phoneme through two matrix products, so that other precisions differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SAMPLES = 1800
_WIDTH, _PHONEMES = 64, 178


def write_model(
    path: Path,
    *,
    tokens: str = "input_ids",
    gain: float = 1.0,
    style_input: str = "style",
    seed: int = 0,
    levels: Mapping[int, float] | None = None,
    noise: float = 0.0,
) -> Path:
    """Write the graph; `gain` scales the sound (0 is silence, 50 clips, nan is NaN), `levels` that of some phonemes.

    `noise` of that amplitude is drawn anew by every run, as the real graph draws it.
    """
    rng = np.random.default_rng(seed)

    def weights(name: str, *shape: int) -> Any:
        return numpy_helper.from_array((rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32), name)

    moments = np.arange(SAMPLES) / 24000
    wave = np.sum([np.sin(2 * np.pi * 120 * n * moments) / n for n in range(1, 8)], axis=0)
    wave = (0.3 * gain * wave * np.hanning(SAMPLES)).astype(np.float32)
    gains = np.ones((_PHONEMES, 1), np.float32)
    for phoneme, level in (levels or {}).items():
        gains[phoneme] = level
    constants = [
        numpy_helper.from_array(gains, "gains"),
        weights("embedding", _PHONEMES, _WIDTH), weights("first", _WIDTH, _WIDTH), weights("second", _WIDTH, 1),
        numpy_helper.from_array(wave[None], "wave"), numpy_helper.from_array(np.array([-1], np.int64), "flat"),
        numpy_helper.from_array(np.float32(0.5), "half"), numpy_helper.from_array(np.float32(0.0), "none"),
    ]  # fmt: skip
    nodes = [
        helper.make_node("Gather", ["embedding", tokens], ["embedded"]),
        helper.make_node("MatMul", ["embedded", "first"], ["hidden"]),
        helper.make_node("Tanh", ["hidden"], ["bent"]),
        helper.make_node("MatMul", ["bent", "second"], ["level"]),
        helper.make_node("Sigmoid", ["level"], ["open"]),
        helper.make_node("Add", ["open", "half"], ["loud"]),
        # The style and the speed are inputs that the real graph uses: they must not be optimised away.
        helper.make_node("ReduceMean", [style_input], ["colour"], keepdims=0),
        helper.make_node("Mul", ["colour", "none"], ["nothing"]),
        helper.make_node("Mul", ["speed", "none"], ["nothing_either"]),
        helper.make_node("Add", ["nothing", "nothing_either"], ["zero"]),
        helper.make_node("Gather", ["gains", tokens], ["gain"]),
        helper.make_node("Mul", ["loud", "gain"], ["loudness"]),
        helper.make_node("Add", ["loudness", "zero"], ["level_of_all"]),
        helper.make_node("Mul", ["level_of_all", "wave"], ["spoken" if noise == 0 else "tone"]),
        helper.make_node("Reshape", ["spoken", "flat"], ["audio"]),
    ]
    if noise:
        nodes[-1:-1] = [
            helper.make_node("RandomNormalLike", ["tone"], ["breath"], scale=noise),
            helper.make_node("Add", ["tone", "breath"], ["spoken"]),
        ]
    graph = helper.make_graph(
        nodes,
        "stand-in",
        [
            helper.make_tensor_value_info(tokens, TensorProto.INT64, [1, "phonemes"]),
            helper.make_tensor_value_info(style_input, TensorProto.FLOAT, [1, 256]),
            helper.make_tensor_value_info("speed", TensorProto.FLOAT, [1]),
        ],
        [helper.make_tensor_value_info("audio", TensorProto.FLOAT, ["samples"])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
    return path


def write_voices(path: Path, *names: str) -> Path:
    """An archive of voices; `one` and `two` unless named."""
    rng = np.random.default_rng(0)
    voices = {name: rng.standard_normal((510, 1, 256)).astype(np.float32) for name in names or ("one", "two")}
    with path.open("wb") as file:
        np.savez(file, **voices)
    return path
