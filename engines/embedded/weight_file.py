"""The file that trained weights ship in: compressed arrays of split float16, and a header of JSON."""

from __future__ import annotations

import io
import json
import lzma
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.errors import ModelFileError

F16 = NDArray[np.float16]


def read_bytes(path: Path) -> bytes:
    """The file as it is. Raises ModelFileError when it is not there."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"the embedded model is missing: {error}", "reinstall the package") from error


def read_weight_file(path: Path) -> tuple[dict[str, Any], dict[str, F16]]:
    """Header and tensors. Raises ModelFileError when the installation is damaged."""
    try:
        arrays = np.load(io.BytesIO(lzma.decompress(read_bytes(path))), allow_pickle=False)
        header = json.loads(arrays["header"].tobytes())
        tensors = {name: join_bytes(arrays[name], tuple(shape)) for name, shape in header["shapes"].items()}
    except (lzma.LZMAError, ValueError, KeyError, EOFError, OSError) as error:
        raise ModelFileError(f"the embedded model {path} is damaged: {error}", "reinstall the package") from error
    return header, tensors


def write_weight_file(path: Path, about: Mapping[str, Any], tensors: Mapping[str, F16]) -> None:
    """Write what `read_weight_file` reads. `tensors` should come from `shorten`, or the file is larger."""
    header = {**about, "shapes": {name: tensor.shape for name, tensor in tensors.items()}}
    arrays = {name: split_bytes(tensor) for name, tensor in tensors.items()}
    plain = io.BytesIO()
    np.savez(plain, header=np.frombuffer(json.dumps(header).encode(), np.uint8), allow_pickle=False, **arrays)
    path.write_bytes(lzma.compress(plain.getvalue(), preset=9))


def shorten(values: NDArray[np.float32]) -> F16:
    """`values` as float16 with 7 of its 10 mantissa bits (rounded), which compress to two thirds of the size."""
    bits = values.astype(np.float16).view(np.uint16)
    return ((bits + np.uint16(4)) & np.uint16(0xFFF8)).view(np.float16)


def split_bytes(tensor: F16) -> NDArray[np.uint8]:
    """The high bytes, then the low bytes: sign and exponent repeat and compress, the mantissa does not."""
    return np.ascontiguousarray(tensor.reshape(-1).view(np.uint8).reshape(-1, 2)[:, ::-1].T)


def join_bytes(planes: NDArray[np.uint8], shape: tuple[int, ...]) -> F16:
    """What `split_bytes` took apart, in `shape`."""
    return np.ascontiguousarray(planes.T[:, ::-1]).reshape(-1).view(np.float16).reshape(shape)
