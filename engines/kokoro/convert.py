"""Other precisions of a Kokoro file, made by onnxruntime's own tools, kept in the cache.

A conversion takes several times the model's memory, and memory that a process once had counts in its peak: the work is
done in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

from engines.base import Progress
from engines.cache import cache_root, make_once
from engines.errors import EngineError, MissingLibraryError
from engines.install import install_hint
from engines.kokoro.library import onnx
from engines.kokoro.onnx_file import FP16, FP32, INT8, OnnxHeader, read_header

ON_DEMAND = (INT8, FP16)
UNQUANTIZED = (FP32,)
CONVERTER_VERSION = 1
_TIMEOUT_S = 1800
_PROGRAM = """
import sys
from pathlib import Path
from engines.kokoro.convert import convert
convert(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
"""
_KEPT_FP32 = ("RandomNormalLike", "RandomUniformLike", "Range", "Resize", "CumSum", "Atan")
_INSERTED = "_cast_to_fp16"
"""How the converter names what an operator in fp32 gives out, before it is made half precision."""
_SOURCE = "/m_source/"
"""In the names of the vocoder's sine source, where phases add up over seconds: half precision would lose the pitch."""


def variant(source: Path, source_sha256: str, quantization: str, progress: Progress) -> Path:
    """The file of `source` in `quantization`, made unless the cache has it. Raises CacheError, EngineError."""
    name = f"{source.stem}-{source_sha256[:16]}-v{CONVERTER_VERSION}-{quantization}.onnx"

    def make(temporary: Path) -> None:
        progress(f"converting {source.name} to {quantization}")
        command = [sys.executable, "-c", _PROGRAM, str(source), quantization, str(temporary)]
        what = f"{source.name} cannot be converted to {quantization}"
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise EngineError(f"{what} within {_TIMEOUT_S} s", "use another variant") from error
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            if "ModuleNotFoundError" in last:
                raise MissingLibraryError(f"{what}: {last}", install_hint("kokoro"))
            raise EngineError(f"{what}: {last}", "use another variant")

    return make_once(cache_root() / "onnx" / name, predicted_bytes(read_header(source), quantization), make)


def predicted_bytes(header: OnnxHeader, quantization: str) -> int:
    """About the size of the variant, by the published architecture's: half of the weights go, or two thirds."""
    return header.size_bytes - (header.weights_bytes // 2 if quantization == FP16 else 2 * header.weights_bytes // 3)


def convert(source: Path, quantization: str, target: Path) -> None:
    """Write `source` in another precision to `target`; in memory all at once."""
    {FP16: _to_fp16, INT8: _to_int8}[quantization](source, target)


def _to_fp16(source: Path, target: Path) -> None:
    """Half precision inside; inputs, outputs, and the sine source stay as they are."""
    from onnxruntime.transformers import float16

    model = onnx().load(str(source))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one for each weight that is rounded to the smallest half
        converted = float16.convert_float_to_float16(
            model,
            keep_io_types=True,
            op_block_list=[*float16.DEFAULT_OP_BLOCK_LIST, *_KEPT_FP32],
            node_block_list=[node.name for node in model.graph.node if _SOURCE in node.name],
        )
    _without_round_trips(converted.graph)
    onnx().save(converted, str(target))


def _without_round_trips(graph: Any) -> None:
    """Let operators that stay in fp32 hand each other fp32: the converter goes through half precision between them.

    It also writes one cast twice where two such operators read the same value, which no runtime loads.
    """
    kinds = onnx().TensorProto
    casts = {n.output[0]: (n.attribute[0].i, n.input[0]) for n in graph.node if n.op_type == "Cast"}
    same: dict[str, str] = {}
    for output, (kind, value) in casts.items():
        halved, origin = casts.get(value, (None, ""))
        if kind == kinds.FLOAT and halved == kinds.FLOAT16 and origin.endswith(_INSERTED):
            same[output] = origin
    kept, made = [], set()
    for node in graph.node:
        if node.output and node.output[0] and (node.output[0] in same or node.output[0] in made):
            continue
        made.update(node.output)
        node.input[:] = [same.get(name, name) for name in node.input]
        kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)


def _to_int8(source: Path, target: Path) -> None:
    """Weights in 8 bits; activations are quantized while running."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(str(source), str(target), weight_type=QuantType.QUInt8)
