"""TensorRT plans of the flow's estimator, each kept under everything that it depends on.

The repository keeps one plan a precision in the model folder, `flow.decoder.estimator.fp16.mygpu.plan`, and loads it on
whatever GPU and TensorRT it then meets. A plan is of one GPU, one TensorRT and one ONNX file: another one is refused,
crashes, or computes an older model. Here the plan is built by the repository's own converter, and loaded by its own
`load_trt`, but from a cache of ours.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

from engines.cache import cache_root, file_sha256, make_once
from engines.cosyvoice.capabilities import installed, tensorrt_version
from engines.cosyvoice.repository import Repository, import_module
from engines.errors import MissingLibraryError, UnsupportedError
from engines.install import pip_hint

ONNX = "flow.decoder.estimator.fp32.onnx"
_INPUTS = ("x", "mask", "mu", "t", "spks", "cond")
_OUTPUT = "estimator_out"
_TIMED = ("x", "mask", "mu", "cond", _OUTPUT)
"""Inputs and outputs whose third axis is time."""
_FRAMES, _MEL = 256, 80
_OPSET = 18


def plan_path(gpu: str, tensorrt: str, onnx_sha256: str, precision: str) -> Path:
    """Where the plan of these lies."""
    key = {"gpu": gpu, "tensorrt": tensorrt, "onnx": onnx_sha256, "precision": precision}
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return cache_root() / "tensorrt" / f"{digest[:32]}.plan"


def load_plan(torch: Any, repository: Repository, model: Any, onnx: Path, fp16: bool, contexts: int) -> Path:
    """Replace the estimator by a TensorRT engine, built first where the cache has none. Raises UnsupportedError.

    The file appears whole or not at all, so a build that is killed leaves no half plan behind.
    """
    convert = import_module(repository, "cosyvoice.utils.file_utils", with_torchaudio=False).convert_onnx_to_trt
    gpu = str(torch.cuda.get_device_name(model.device))
    path = plan_path(gpu, tensorrt_version(), file_sha256(onnx), "fp16" if fp16 else "fp32")
    try:
        make_once(
            path, 2 * onnx.stat().st_size, lambda part: convert(str(part), model.get_trt_kwargs(), str(onnx), fp16)
        )
        model.load_trt(str(path), str(onnx), contexts, fp16)
    except (AssertionError, AttributeError, ImportError, TypeError, ValueError) as error:
        # The repository asserts and unpacks what TensorRT gave it, which is None where TensorRT refused.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnsupportedError(f"TensorRT refused the flow's estimator: {reason}", "try load_trt=false") from error
    return path


def exported_estimator(torch: Any, estimator: Any, digest: str) -> Path:
    """The ONNX file of generated weights with this digest, made once, as the repository's exporter has it."""
    path = cache_root() / "onnx" / f"{digest[:32]}.onnx"
    needed = 2 * sum(p.numel() * p.element_size() for p in estimator.parameters())
    return make_once(path, needed, lambda part: export_estimator(torch, estimator, part))


def export_estimator(torch: Any, estimator: Any, path: Path) -> None:
    """Write the estimator as ONNX; time is of any length. Raises MissingLibraryError: torch writes it with onnx."""
    if not installed("onnx"):
        raise MissingLibraryError("the package onnx is not installed", pip_hint("onnx"))
    device = next(estimator.parameters()).device
    frames = {"x": _MEL, "mask": 1, "mu": _MEL, "cond": _MEL}
    made = {name: torch.rand(2, rows, _FRAMES, device=device) for name, rows in frames.items()}
    made |= {
        "mask": torch.ones(2, 1, _FRAMES, device=device),
        "t": torch.rand(2, device=device),
        "spks": torch.rand(2, _MEL, device=device),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of each number that tracing takes for a constant
        torch.onnx.export(
            estimator,
            tuple(made[name] for name in _INPUTS),
            str(path),
            opset_version=_OPSET,
            input_names=list(_INPUTS),
            output_names=[_OUTPUT],
            dynamic_axes={name: {2: "seq_len"} for name in _TIMED},
            dynamo=False,
        )
