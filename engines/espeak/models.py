"""A voice of espeak-ng as a model: rules and sounds that come with the library."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.base import Model, ModelFile, Progress
from engines.cache import file_sha256
from engines.errors import ModelFileError
from engines.espeak.library import data_folder, has_voice
from search_spaces.errors import TunerError, unknown_name
from search_spaces.parameter import Params, Value

SOURCE = "espeak"
_OPTIONS = ("source", "voice", "words_per_minute", "pitch")
_SOUNDS = ("phondata", "phonindex", "phontab", "intonations")
_MIB = 1024 * 1024


def resolve_model(config: Mapping[str, Any], progress: Progress) -> Model:
    """The Model of a `model` configuration: `voice`, `words_per_minute` (80 to 450) and `pitch` (0 to 99).

    Raises ModelFileError for a voice that espeak-ng does not have, TunerError for an option that is wrong.
    """
    for option in config:
        if option not in _OPTIONS:
            raise unknown_name("model option", str(option), _OPTIONS)
    if str(config.get("source") or SOURCE) != SOURCE:
        raise ModelFileError(
            f"espeak-ng takes no model file, and {config['source']!r} is given",
            "add engine=piper or engine=kokoro for such a file; espeak-ng's own voices are model.voice=NAME",
        )
    voice = str(config.get("voice") or "en-us")
    if not has_voice(voice):
        raise ModelFileError(f"espeak-ng has no voice {voice!r}", "write model.voice=en-us, de, fr+f3, …")
    facts: dict[str, Value] = {
        "voice": voice,
        "words_per_minute": _number("words_per_minute", config.get("words_per_minute"), 175, 80, 450),
        "pitch": _number("pitch", config.get("pitch"), 50, 0, 99),
    }
    content = [(file.name, file_sha256(file)) for file in _files(voice)]
    digest = hashlib.sha256(repr((content, sorted(facts.items()))).encode()).hexdigest()
    return Model(f"espeak-ng {voice}", SOURCE, digest, {"": str(_files(voice)[0])}, "", "", facts)


def prepare(model: Model, params: Params, progress: Progress) -> ModelFile:
    """The voice's sounds; the size is of all files that it reads."""
    files = _files(str(model.facts["voice"]))
    return ModelFile(str(files[0]), file_sha256(files[0]), "", sum(f.stat().st_size for f in files) / _MIB)


def _files(voice: str) -> list[Path]:
    """The sounds, and the dictionary of the voice's language (`de+f3` reads de_dict, `en-us` en_dict)."""
    folder, language = data_folder(), voice.partition("+")[0]
    names = [*_SOUNDS, f"{language}_dict", f"{language.partition('-')[0]}_dict"]
    return [folder / name for name in dict.fromkeys(names) if (folder / name).is_file()]


def _number(name: str, value: Any, default: int, low: int, high: int) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise TunerError(f"model.{name} is {value!r}", f"give a whole number from {low} to {high}")
    return value
