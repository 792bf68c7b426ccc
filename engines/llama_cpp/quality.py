"""How far a configuration's next-token distributions are from the most precise variant's, on a held-out text.

The text is cut into windows of 256 tokens, each decoded from an empty KV cache in the session's own context, so that
its weights, cache types and kernels are the ones judged. Every position but a window's last is scored: unlike
llama-perplexity, which drops the first half of each window, because here each position is compared with the same
position of the reference, and more positions make the mean steadier for the same work.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.base import Model, Progress, Workload
from engines.cache import cache_root, make_once
from engines.errors import SWEEP_AGAIN, EngineError, InvalidOutputError, OutOfMemoryError, UnsupportedError
from engines.llama_cpp import models
from engines.llama_cpp.capabilities import build_of
from engines.llama_cpp.library import gpu_count, library
from engines.llama_cpp.loading import load
from engines.machine_limits import usable_cores
from search_spaces.parameter import Value

WINDOW = 256
_MOST_WINDOWS = 2
_LEAST_TOKENS = 64
_MOST_REFERENCE_BYTES = 128 << 20
_MOST_EXACT_BYTES = 64 << 20
"""Up to this the reference is kept in 32 bits; a larger one, of a large vocabulary, in 16."""
_CHUNK_BYTES = 8 << 20
"""Logits of one decoded batch: small, so that judging does not show in the peak memory."""
_FORMAT = 1


@dataclass
class _Sums:
    """Totals over the positions scored so far."""

    positions: int = 0
    divergence: float = 0.0
    agreed: int = 0
    loss: float = 0.0


def reference_file(model: Model, text: str) -> Path:
    """Where the reference's log-probabilities are, or will be."""
    build = build_of(library())
    key = [_FORMAT, model.digest, model.reference, text, build["version"], build["llama_cpp"], WINDOW, _MOST_WINDOWS]
    return cache_root() / "quality" / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]}.logprobs"


def prepare_quality(model: Model, workload: Workload, progress: Progress) -> None:
    """Make the reference that `judge` compares with, on a GPU where it fits and there is one."""
    text = str(workload.quality.get("text", ""))
    if not text:
        return
    path = reference_file(model, text)
    if path.exists():
        return
    file = models.prepare(model, {"quantization": model.reference} if model.reference else {}, progress)
    progress(f"computing the quality reference with {model.reference}")
    params: dict[str, Value] = {"n_threads_batch": usable_cores()}

    def opened() -> Any:
        if gpu_count() == 0:
            return load(file.path, params, WINDOW)
        try:
            return load(file.path, {**params, "n_gpu_layers": -1}, WINDOW)
        except OutOfMemoryError:
            return load(file.path, params, WINDOW)

    _make_reference(path, text, opened)


def _make_reference(path: Path, text: str, load: Callable[[], Any]) -> None:
    """Write the log-probabilities of the model that `load` opens, unless they are there. Raises EngineError."""
    if path.exists():
        return
    llama = load()
    try:
        make_once(path, _MOST_REFERENCE_BYTES, lambda temporary: _write(llama, text, temporary))
    finally:
        llama.close()


def _write(llama: Any, text: str, path: Path) -> None:
    """One line of JSON, then a row of the vocabulary's width for each scored position."""
    windows = _windows(llama, text)
    numbers = sum(len(window) - 1 for window in windows) * int(llama.n_vocab())
    kind = "<f4" if numbers * 4 <= _MOST_EXACT_BYTES else "<f2"
    with path.open("wb") as file:
        file.write(json.dumps({"kind": kind, "windows": windows}).encode() + b"\n")
        for window in windows:
            for _, rows in _log_probabilities(llama, window):
                file.write(rows.astype(kind).tobytes())


def judge(llama: Any, reference: Path, text: str) -> dict[str, float]:
    """`kld` (nat), `top1_agreement` and `perplexity`. Raises InvalidOutputError for logits that are not finite."""
    import numpy as np

    if not reference.exists():
        raise EngineError("there is no quality reference for this model and text", SWEEP_AGAIN)
    windows, sums, vocabulary = _windows(llama, text), _Sums(), int(llama.n_vocab())
    with reference.open("rb") as file:
        header = json.loads(file.readline())
        if header["windows"] != windows:
            raise UnsupportedError("the variants do not tokenize alike", "quantize them from the same model")
        for window in windows:
            for begin, rows in _log_probabilities(llama, window):
                content = file.read(rows.size * np.dtype(header["kind"]).itemsize)
                expected = np.frombuffer(content, header["kind"]).reshape(-1, vocabulary)
                _add(sums, expected, rows, window[begin + 1 : begin + 1 + len(rows)])
    return {
        "kld": max(0.0, sums.divergence / sums.positions),
        "top1_agreement": sums.agreed / sums.positions,
        "perplexity": math.exp(sums.loss / sums.positions),
    }


def _add(sums: _Sums, expected: Any, found: Any, following: list[int]) -> None:
    """Score rows of log-probabilities against the reference's; row by row, so that temporary arrays stay small."""
    import numpy as np

    for reference, row, token in zip(expected, found, following, strict=True):
        exact = reference.astype(np.float64)
        sums.divergence += float(np.sum(np.exp(exact) * (exact - row)))
        sums.agreed += int(reference.argmax() == row.argmax())
        sums.loss -= float(row[token])
        sums.positions += 1


def _windows(llama: Any, text: str) -> list[list[int]]:
    """The text's tokens in windows, each begun with the model's begin-of-text token if it wants one."""
    tokens = llama.tokenize(text.encode(), add_bos=False, special=False)
    begin = [llama.token_bos()] if llama._model.add_bos_token() else []
    rows = _MOST_REFERENCE_BYTES // (2 * int(llama.n_vocab()))
    length = WINDOW - len(begin)
    windows = [begin + tokens[i : i + length] for i in range(0, min(len(tokens), _MOST_WINDOWS * length, rows), length)]
    if sum(map(len, windows)) < _LEAST_TOKENS:
        raise UnsupportedError(f"the held-out text has only {len(tokens)} tokens", "give a longer text")
    return [window for window in windows if len(window) > 1]


def _log_probabilities(llama: Any, window: list[int]) -> Iterator[tuple[int, Any]]:
    """(position, log-probabilities as float32 rows) of all positions but the last, a batch at a time."""
    import numpy as np

    vocabulary = int(llama.n_vocab())
    step = max(1, min(llama.n_batch, _CHUNK_BYTES // (4 * vocabulary)))
    library().llama_memory_clear(llama._ctx.memory, False)
    for begin in range(0, len(window) - 1, step):
        tokens = window[begin : min(begin + step, len(window) - 1)]
        llama._batch.set_batch(batch=tokens, n_past=begin, logits_all=True)
        llama._ctx.decode(llama._batch)
        logits = np.ctypeslib.as_array(llama._ctx.get_logits(), shape=(len(tokens), vocabulary))
        if not np.isfinite(logits).all():
            raise InvalidOutputError(
                "the logits of the held-out text are not finite", "this configuration computes garbage"
            )
        rows = logits - logits.max(axis=1, keepdims=True)
        rows -= np.log(np.exp(rows).sum(axis=1, keepdims=True))
        yield begin, rows
