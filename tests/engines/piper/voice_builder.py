"""A stand-in for a Piper voice with its interface, small enough for tests: a tone of 800 samples for each phoneme id.

As a real voice does, it draws noise for the sound and for the lengths: `scales` says how much of each, and how slowly.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SAMPLES, RATE = 800, 22050
_WIDTH, _IDS = 64, 256
_SYMBOLS = "_^$ !'(),-.:;?abcdefhijklmnopqrstuvwxyzæçðøħŋœɐɑɒɔɕɖəɚɛɜɡɪɬɹɾʃʊʌʒˈˌːθᵻ0123456789\u0329"


def write_voice(path: Path, *, gain: float = 1.0, speakers: int = 1, scales: str = "scales", **changed: Any) -> Path:
    """Write VOICE.onnx and VOICE.onnx.json; `gain` scales the sound (0 is silence, nan is NaN).

    `scales` is what the input of that name is called, `changed` replaces keys of the JSON file.
    """
    rng = np.random.default_rng(0)

    def weights(name: str, *shape: int) -> Any:
        return numpy_helper.from_array((rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32), name)

    moments = np.arange(SAMPLES) / RATE
    wave = np.sum([np.sin(2 * np.pi * 120 * n * moments) / n for n in range(1, 8)], axis=0)
    ids = {symbol: [number] for number, symbol in enumerate(_SYMBOLS)}
    gains = np.full((_IDS, 1), gain, np.float32)
    gains[ids["_"]] *= 0.05

    def numbers(name: str, *values: int) -> Any:
        return numpy_helper.from_array(np.array(values, np.int64), name)

    constants = [
        numpy_helper.from_array(gains, "gains"),
        weights("embedding", _IDS, _WIDTH), weights("first", _WIDTH, _WIDTH), weights("second", _WIDTH, 1),
        numpy_helper.from_array((0.3 * wave * np.hanning(SAMPLES)).astype(np.float32)[None], "wave"),
        numpy_helper.from_array(np.float32(0.5), "half"), numpy_helper.from_array(np.float32(0.0), "none"),
        numpy_helper.from_array(np.float32(0.02), "little"), numpy_helper.from_array(np.float32(SAMPLES), "samples"),
        numbers("noise", 0), numbers("noise_w", 2), numbers("shape", 1, 1, 1, -1), numbers("flat", -1),
        numbers("zero", 0), numbers("one", 1),
    ]  # fmt: skip
    nodes = [
        helper.make_node("Gather", ["embedding", "input"], ["embedded"]),
        helper.make_node("MatMul", ["embedded", "first"], ["hidden"]),
        helper.make_node("Tanh", ["hidden"], ["bent"]),
        helper.make_node("MatMul", ["bent", "second"], ["level"]),
        helper.make_node("Sigmoid", ["level"], ["open"]),
        helper.make_node("Add", ["open", "half"], ["loud"]),
        helper.make_node("Gather", ["gains", "input"], ["gain"]),
        helper.make_node("Mul", ["loud", "gain"], ["loudness"]),
        helper.make_node("Mul", ["loudness", "wave"], ["tone"]),
        helper.make_node("RandomNormalLike", ["tone"], ["drawn"], scale=0.01),
        helper.make_node("Gather", [scales, "noise"], ["noise_scale"]),
        helper.make_node("Mul", ["drawn", "noise_scale"], ["breath"]),
        helper.make_node("Add", ["tone", "breath"], ["sound"]),
        helper.make_node("Reshape", ["sound", "flat"], ["whole"]),
        # Up to 2 % of a phoneme's samples are left away at the end, as the noise of the lengths has it.
        helper.make_node("Gather", [scales, "noise_w"], ["noise_w_scale"]),
        helper.make_node("RandomUniformLike", ["noise_w_scale"], ["share"]),
        helper.make_node("Mul", ["share", "noise_w_scale"], ["scaled"]),
        helper.make_node("Mul", ["scaled", "samples"], ["lost"]),
        helper.make_node("Cast", ["lost"], ["lost_samples"], to=TensorProto.INT64),
        helper.make_node("Shape", ["whole"], ["length"]),
        helper.make_node("Sub", ["length", "lost_samples"], ["end"]),
        helper.make_node("Slice", ["whole", "zero", "end", "zero"], ["kept"]),
        # The lengths and the speaker are inputs that the real graph uses: they must not be optimised away.
        helper.make_node("Cast", ["input_lengths"], ["count"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["count", "none"], ["nothing"]),
        helper.make_node("Add", ["kept", "nothing"], ["spoken" if speakers > 1 else "mono"]),
    ]
    graph_inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, "phonemes"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info(scales, TensorProto.FLOAT, [3]),
    ]
    if speakers > 1:
        graph_inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, [1]))
        nodes += [
            helper.make_node("Cast", ["sid"], ["number"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["number", "little"], ["offset"]),
            helper.make_node("Add", ["spoken", "offset"], ["mono"]),
        ]
    nodes.append(helper.make_node("Reshape", ["mono", "shape"], ["output"]))
    graph = helper.make_graph(
        nodes, "stand-in", graph_inputs,
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, "samples"])], constants,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
    document = {
        "audio": {"sample_rate": RATE, "quality": "stand-in"},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_id_map": ids,
        "num_symbols": _IDS,
        "num_speakers": speakers,
        "speaker_id_map": {f"speaker{n}": n for n in range(speakers)} if speakers > 1 else {},
        **changed,
    }
    path.with_name(path.name + ".json").write_text(json.dumps(document), encoding="utf-8")
    return path
