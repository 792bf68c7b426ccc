"""A Piper voice: VOICE.onnx, and VOICE.onnx.json that says how it is spoken. Read without piper-tts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engines.errors import ModelFileError
from search_spaces.errors import TunerError, unknown_name

_HINT = "give VOICE.onnx with VOICE.onnx.json beside it: python -m piper.download_voices en_US-lessac-medium"


class _Part(BaseModel):
    """A part of a voice's file, which is a user's: what is not needed is not looked at."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Audio(_Part):
    sample_rate: int = Field(ge=8000, le=192000)


class _Espeak(_Part):
    voice: str


class VoiceFile(_Part):
    """What VOICE.onnx.json says; `speaker_id_map` has the names of a voice of several speakers."""

    audio: _Audio
    espeak: _Espeak
    num_speakers: int = 1
    speaker_id_map: Mapping[str, int] = Field(default_factory=dict)
    phoneme_id_map: Mapping[str, object] = Field(min_length=1)

    def speaker(self, asked: object) -> int | None:
        """The number of a speaker by name or number, 0 unless asked; None where there is one. Raises TunerError."""
        if self.num_speakers <= 1:
            if asked is not None:
                raise TunerError(f"model.speaker is {asked!r}, and the voice has one speaker", "leave it out")
            return None
        if asked is None:
            return 0
        if isinstance(asked, str) and not asked.isdecimal():
            if asked not in self.speaker_id_map:
                raise unknown_name("speaker of the voice", asked, self.speaker_id_map)
            return self.speaker_id_map[asked]
        if isinstance(asked, bool) or not str(asked).isdecimal() or int(str(asked)) >= self.num_speakers:
            raise TunerError(
                f"model.speaker is {asked!r}", f"give a number from 0 to {self.num_speakers - 1}, or a name"
            )
        return int(str(asked))


def read_voice(model: Path, config: Path) -> VoiceFile:
    """What a voice's two files say of it. Raises ModelFileError when they are none."""
    for path, what in ((model, "voice"), (config, "file of the voice")):
        if not path.exists():
            raise ModelFileError(f"there is no {what} {path}", _HINT)
        if path.is_dir():
            raise ModelFileError(f"{path} is a folder", _HINT)
    try:
        return VoiceFile.model_validate_json(config.read_bytes())
    except OSError as error:
        raise ModelFileError(f"cannot read {config}: {error.strerror}", _HINT) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ModelFileError(
            f"{config} is no voice of Piper: {where}: {first['msg']}".replace(": : ", ": "), _HINT
        ) from error
