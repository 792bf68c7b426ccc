"""Opens llama_cpp.Llama with a configuration, and says in one line why it would not."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

from engines.errors import OutOfMemoryError, UnsupportedError
from engines.llama_cpp.library import LOG, failure, library
from engines.llama_cpp.settings import LOOKUP_NGRAM, model_arguments, speculation_tokens
from search_spaces.parameter import Params

SEED = 1
"""Of the sampler, so that every configuration draws the same numbers."""
_PROCESS_STATUS = Path("/proc/self/status")
_LOCKED_SHARE = 0.5
"""Of the model's file. Less of it in locked memory means that the lock failed."""


def load(path: str, params: Params, n_ctx: int) -> Any:
    """A `llama_cpp.Llama`. Raises OutOfMemoryError, UnsupportedError or ModelFileError with llama.cpp's own reason."""
    llama_cpp = library()
    arguments = model_arguments(params, n_ctx)
    if tokens := speculation_tokens(params):
        from llama_cpp.llama_speculative import LlamaPromptLookupDecoding

        arguments["draft_model"] = LlamaPromptLookupDecoding(max_ngram_size=LOOKUP_NGRAM, num_pred_tokens=tokens)
        # Without it the library sizes its buffer of logits by n_batch and fails on the first longer prompt.
        arguments["logits_all"] = True
    LOG.clear()
    try:
        # Not verbose would send the process's standard error, and with it the last words of an abort, to /dev/null.
        with contextlib.redirect_stderr(io.StringIO()):
            llama = llama_cpp.Llama(path, verbose=True, seed=SEED, **arguments)
    except MemoryError as error:
        raise OutOfMemoryError("not enough memory for the model's buffers", "use a smaller context or batch") from error
    except ValueError as error:
        raise failure(str(error), path) from error
    llama.verbose = False
    if arguments.get("use_mlock") and LOG.contains("failed to mlock") and not _is_locked(path):
        llama.close()
        raise UnsupportedError("the model cannot be locked into memory", "raise the limit: ulimit -l unlimited")
    return llama


def _is_locked(path: str) -> bool:
    """Whether most of the model is locked after all: the log complains of single buffers too.

    False where the system does not tell, so that the log has the last word.
    """
    locked_bytes = _locked_bytes()
    return locked_bytes is not None and locked_bytes >= _LOCKED_SHARE * Path(path).stat().st_size


def _locked_bytes() -> int | None:
    """How much of this process's memory is locked (VmLck of proc(5)); None where there is no /proc."""
    try:
        lines = _PROCESS_STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmLck:")), None)
