"""Variants of a model that are made on demand: quantized once by llama.cpp into a content-addressed cache."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.base import Progress
from engines.cache import cache_root, make_once, no_room
from engines.errors import EngineError
from engines.llama_cpp.capabilities import build_of
from engines.llama_cpp.library import LOG, failure, library
from engines.machine_limits import usable_cores

ON_DEMAND = ("Q4_0", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "F16")
"""What an unquantized source is offered as."""
UNQUANTIZED = ("F32", "BF16", "F16")
_MIB = 1024 * 1024
_HEADER_SLACK_BYTES = 16 * _MIB
_SIZE_LINE = re.compile(r"quant size\s*=\s*([\d.]+) MiB")
_FALLBACK_LINE = re.compile(r"(\d+) of (\d+) tensor\(s\) required fallback")
_TENSOR_LINE = re.compile(r"^\[\s*(\d+)/\s*(\d+)\]")


@dataclass(frozen=True)
class Prediction:
    """What a quantization will give: its size, and how many tensors keep another type because of their row length."""

    size_mib: float
    fallback_tensors: int


def predict(source: Path, quantization: str) -> Prediction:
    """The outcome of quantizing `source`, by llama.cpp's own dry run. Raises ModelFileError."""
    llama_cpp = library()
    _quantize(llama_cpp, source, source, quantization, dry_run=True)
    size = next(filter(None, map(_SIZE_LINE.search, reversed(LOG.lines))), None)
    if size is None:
        raise failure(f"no size was predicted for {quantization}", source)
    fallback = next(filter(None, map(_FALLBACK_LINE.search, reversed(LOG.lines))), None)
    return Prediction(float(size[1]), int(fallback[1]) if fallback else 0)


def variant(source: Path, source_sha256: str, quantization: str, progress: Progress) -> Path:
    """The file of `source` quantized, made unless the cache has it.

    The cache's key is the content of the source, the quantization and the build of llama.cpp. Raises CacheError when
    the disk has no room and ModelFileError when the source cannot be quantized.
    """
    llama_cpp = library()
    key = f"{source_sha256} {quantization} {build_of(llama_cpp)['build']}"
    folder = cache_root() / "variants" / hashlib.sha256(key.encode()).hexdigest()[:16]
    path = folder / f"{source.stem}.{quantization}.gguf"
    if path.exists():
        return path
    needed_bytes = int(predict(source, quantization).size_mib * _MIB) + _HEADER_SLACK_BYTES

    def make(temporary: Path) -> None:
        progress(f"quantizing {source.name} to {quantization}")
        with _told_of_tensors(quantization, progress):
            try:
                _quantize(llama_cpp, source, temporary, quantization, dry_run=False)
            except EngineError as error:
                # The library says only that a write failed. Whether for want of room, the disk tells.
                written = temporary.stat().st_size if temporary.exists() else 0
                if shutil.disk_usage(temporary.parent).free < needed_bytes - written:
                    raise no_room(path, needed_bytes, None) from error
                raise

    return make_once(path, needed_bytes, make)


def _quantize(llama_cpp: Any, source: Path, target: Path, quantization: str, *, dry_run: bool) -> None:
    """Call the library. Raises what its log says when it fails."""
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{quantization}")
    parameters.nthread = usable_cores()
    parameters.dry_run = dry_run
    LOG.clear()
    if llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), parameters):
        raise failure(f"cannot quantize to {quantization}", source)


@contextlib.contextmanager
def _told_of_tensors(quantization: str, progress: Progress) -> Iterator[None]:
    """Tell `progress` about every tenth part of the tensors."""
    told = 0

    def listen(line: str) -> None:
        nonlocal told
        if match := _TENSOR_LINE.match(line):
            tenth = 10 * int(match[1]) // int(match[2])
            if tenth > told:
                told = tenth
                progress(f"quantizing to {quantization} {10 * tenth} %")

    LOG.listener = listen
    try:
        yield
    finally:
        LOG.listener = None
