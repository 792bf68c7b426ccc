"""Which files of a repository are the model, and in which quantizations, told by whisper.cpp's names for its files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from engines.errors import ModelFileError
from engines.hub import PREFIX

_NAME = re.compile(r"ggml-(?P<model>.+?)(?:-(?P<quantization>q\d_[0-9k]))?\.bin")
_F16 = "F16"


def choose(repo: str, sizes: Mapping[str, int], file: str | None) -> dict[str, str]:
    """Quantization → file, out of a repository's files. Raises ModelFileError when it cannot be told.

    The unquantized file alone, if there is one (others are made from it); else every quantization. A repository of
    several models, such as whisper.cpp's own, needs the file's name.
    """
    known = {name: match for name in sizes if (match := _NAME.fullmatch(PurePosixPath(name).name))}
    if file is not None:
        if file not in sizes:
            raise ModelFileError(f"{repo} has no file {file}", f"it has {_some(known) or 'no ggml file'}")
        match = _NAME.fullmatch(PurePosixPath(file).name)
        return {_quantization(match): file}
    if not known:
        raise ModelFileError(f"{repo} has no ggml file of whisper.cpp", "name a repository with ggml-*.bin files")
    models = sorted({match["model"] for match in known.values()})
    if len(models) > 1:
        example = f"{PREFIX}{repo}/{min(known)}"
        raise ModelFileError(f"{repo} has several models: {', '.join(models[:12])}", f"name a file: {example}")
    files = {_quantization(match): name for name, match in known.items()}
    return {_F16: files[_F16]} if _F16 in files else files


def _quantization(match: re.Match[str] | None) -> str:
    """By the name: `ggml-base.en-q5_1.bin` is Q5_1, `ggml-base.en.bin` F16."""
    return match["quantization"].upper() if match and match["quantization"] else _F16


def _some(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:12])
