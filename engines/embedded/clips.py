"""The clips of speech that come with the embedded speech model: sentences and voices that it never learned from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from engines.errors import ModelFileError

CLIPS_AUDIO = Path(__file__).with_name("clips.ogg")
CLIPS_LIST = Path(__file__).with_name("clips.json")
CHUNK, UTTERANCE = "chunk", "utterance"


@dataclass(frozen=True)
class SpokenClip:
    """A part of CLIPS_AUDIO: a chunk (0.5 to 1.5 s) or an utterance (2 to 4 s), its voice, and its noise ("" or

    the colour of noise at 10 dB).
    """

    id: str
    kind: str
    start_s: float
    seconds: float
    text: str
    voice: str
    noise: str


@lru_cache(maxsize=1)
def spoken_clips() -> tuple[SpokenClip, ...]:
    """All clips, in the order of the audio file. Raises ModelFileError when the installation is damaged."""
    try:
        return tuple(SpokenClip(**entry) for entry in json.loads(CLIPS_LIST.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ModelFileError(
            f"the embedded clips {CLIPS_LIST} are damaged: {error}", "reinstall the package"
        ) from error
