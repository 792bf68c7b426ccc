"""Which files of a repository are the model, and in which quantizations, told by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from engines.errors import ModelFileError
from engines.hub import PREFIX
from engines.llama_cpp.quantize import ON_DEMAND

_PRECISE = ("F16", "BF16", "F32")
_QUANTIZATION = re.compile(r"(?:^|[-._])((?:I?Q\d+(?:_[A-Z0-9]+)*)|B?F16|FP16|F32)(?=$|[-._])", re.IGNORECASE)
_SPLIT = re.compile(r"-\d{5}-of-\d{5}$")
_NOT_MODELS = ("mmproj", "imatrix", "lora")
_ALIASES = {"FP16": "F16"}


def choose(repo: str, sizes: Mapping[str, int], file: str | None) -> dict[str, str]:
    """Quantization → file, out of a repository's files. Raises ModelFileError when it cannot be told.

    The most precise unquantized file alone, if there is one (others are made from it); else every quantization that
    the search knows.
    """
    models = [f for f in sizes if f.endswith(".gguf") and not any(n in f.lower() for n in _NOT_MODELS)]
    if file is not None:
        if file not in sizes:
            raise ModelFileError(
                f"{repo} has no file {file}", f"it has {', '.join(sorted(models)[:12]) or 'no GGUF file'}"
            )
        models = [file]
    if not models:
        raise ModelFileError(f"{repo} has no GGUF file", "name a repository with GGUF files, or convert the model")
    whole = [f for f in models if not _SPLIT.search(PurePosixPath(f).stem)]
    if not whole:
        raise ModelFileError(
            f"{repo} has only split GGUF files ({models[0]})",
            "download them and merge them: llama-gguf-split --merge FIRST_PART OUT",
        )
    by_quantization: dict[str, list[str]] = {}
    for model in whole:
        by_quantization.setdefault(quantization_in_name(model), []).append(model)
    if file is not None or len(whole) == 1:
        return {next(iter(by_quantization)) or "GGUF": whole[0]}
    precise = [q for q in _PRECISE if q in by_quantization]
    wanted = precise[:1] or [q for q in ON_DEMAND if q in by_quantization]
    if not wanted:
        raise ModelFileError(
            f"{repo} has none of the quantizations {', '.join(ON_DEMAND)}",
            f"name one of its files: {PREFIX}{repo}/FILE",
        )
    for quantization in wanted:
        if len(by_quantization[quantization]) > 1:
            names = ", ".join(by_quantization[quantization])
            raise ModelFileError(
                f"{repo} has several {quantization} files: {names}", f"name one of them: {PREFIX}{repo}/FILE"
            )
    return {quantization: by_quantization[quantization][0] for quantization in wanted}


def quantization_in_name(file: str) -> str:
    """The quantization in a file's name by the usual convention (`model-Q4_K_M.gguf`), or ""."""
    found = _QUANTIZATION.findall(PurePosixPath(file).stem)
    return _ALIASES.get(found[-1].upper(), found[-1].upper()) if found else ""
