"""Voices: one style vector for each number of phonemes, in a NumPy archive of voices by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engines.errors import ModelFileError

_HINT = "give voices-v1.0.bin of kokoro-onnx's releases: model.voices=FILE"


def voice_names(path: Path) -> list[str]:
    """The voices in a file. Raises ModelFileError when it is no archive of them."""
    import numpy as np

    if not path.is_file():
        raise ModelFileError(f"there is no file of voices {path}", _HINT)
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = list(archive.files)
            shape = archive[names[0]].shape if names else ()
    except (OSError, ValueError, AttributeError) as error:
        raise ModelFileError(f"{path} is no archive of voices", _HINT) from error
    if len(shape) != 3:
        raise ModelFileError(f"{path} has no voices: its first entry has the shape {shape}", _HINT)
    return names


def generated_voices(path: Path, style_width: int, name: str) -> None:
    """Write one voice of random styles, for models of generated weights."""
    import numpy as np

    styles = np.random.default_rng(0).standard_normal((510, 1, style_width)).astype(np.float32) / 4
    archive: dict[str, Any] = {name: styles}
    with path.open("wb") as file:
        np.savez(file, **archive)
