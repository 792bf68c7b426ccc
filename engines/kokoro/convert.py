"""Other precisions of a Kokoro file, made by onnxruntime's and ONNX's own tools, kept in the cache.

    python -m engines.kokoro.convert SOURCE.onnx fp16|int8 TARGET.onnx

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
from engines.errors import EngineError
from engines.kokoro.library import onnx
from engines.kokoro.onnx_file import FP16, FP32, INT8, OnnxHeader, read_header

ON_DEMAND = (INT8, FP16)
UNQUANTIZED = (FP32,)
CONVERTER_VERSION = 1
_TIMEOUT_S = 1800
_KEPT_FP32 = ("RandomNormalLike", "RandomUniformLike", "Range", "Resize", "CumSum", "Atan", "Sin", "Cos", "Loop", "If")
"""Operators that stay in fp32: phases add up over seconds of audio, and half precision would lose them."""


def variant(source: Path, source_sha256: str, quantization: str, progress: Progress) -> Path:
    """The file of `source` in `quantization`, made unless the cache has it. Raises CacheError, EngineError."""
    name = f"{source.stem}-{source_sha256[:16]}-v{CONVERTER_VERSION}-{quantization}.onnx"

    def make(temporary: Path) -> None:
        progress(f"converting {source.name} to {quantization}")
        command = [sys.executable, "-m", __name__, str(source), quantization, str(temporary)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise EngineError(f"{source.name} cannot be converted to {quantization}: {last}", "use another variant")

    return make_once(cache_root() / "onnx" / name, predicted_bytes(read_header(source), quantization), make)


def predicted_bytes(header: OnnxHeader, quantization: str) -> int:
    """About the size of the variant: half of all weights, or a quarter of those of matrix products."""
    saved = header.weights_bytes // 2 if quantization == FP16 else 3 * header.matrix_bytes // 4
    return header.size_bytes - saved


def convert(source: Path, quantization: str, target: Path) -> None:
    """Write `source` in another precision to `target`; in memory all at once."""
    {FP16: _to_fp16, INT8: _to_int8}[quantization](source, target)


def _to_fp16(source: Path, target: Path) -> None:
    """Half precision inside; inputs and outputs stay as they are."""
    from onnxconverter_common import float16

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one for each weight that is rounded to the smallest half
        converted = float16.convert_float_to_float16(
            onnx().load(str(source)),
            keep_io_types=True,
            op_block_list=[*float16.DEFAULT_OP_BLOCK_LIST, *_KEPT_FP32],
        )
    onnx().save(_without_metadata_trouble(converted), str(target))


def _to_int8(source: Path, target: Path) -> None:
    """Weights of matrix products in 8 bits, activations quantized while running; convolutions stay in fp32.

    Integer convolutions have no fast kernel on a CPU: with them a variant is smaller and slower.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(str(source), str(target), op_types_to_quantize=["MatMul", "LSTM"], weight_type=QuantType.QUInt8)


def _without_metadata_trouble(model: Any) -> Any:
    """Shapes that the converter wrote for the old types would contradict the new ones: they are inferred anew."""
    del model.graph.value_info[:]
    return model


if __name__ == "__main__":
    convert(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
