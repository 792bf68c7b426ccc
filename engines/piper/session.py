"""One configuration, loaded: piper-tts's PiperVoice, the class that people deploy, on a session of onnxruntime's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engines.base import Model, ModelFile
from engines.errors import SWEEP_AGAIN, EngineError, ModelFileError
from engines.onnx_sessions.opening import open_session
from engines.piper.library import build_of, explained, onnxruntime, piper
from engines.piper.settings import PROVIDER_OPTIONS, arguments, splitting
from engines.synthesis.gate import check_sound
from engines.synthesis.references import References
from engines.synthesis.session import SynthesisSession
from engines.synthesis.speech import F32
from engines.synthesis.splitting import pieces
from search_spaces.parameter import Params

INPUTS = {"input", "input_lengths", "scales"}
"""Of a voice's graph; one of several speakers has `sid` too."""
NOISELESS = {"noise_scale": 0.0, "noise_w_scale": 0.0}
"""How a voice is timed and judged, everything else being its own. Its noise is drawn anew for every sentence: it moves
the length of a text by 1 to 3 % and its spectrum by 3 dB, and costs no time (the graph draws it in any case)."""


def references(model: Model) -> References:
    """The reference audio of a voice: as piper-tts speaks it by default, without noise."""
    return References(model, build_of(), NOISELESS)


class PiperSession(SynthesisSession):
    """A loaded voice. A chunk is a sentence, or a piece that was cut off before Piper."""

    def __init__(self, model: Model, file: ModelFile, params: Params) -> None:
        super().__init__(references(model))
        self.sample_rate = int(model.facts["sample_rate"])
        self._file, self._splitting = file, splitting(params)
        self._voice: Any = _load(model, file, params)
        speaker = int(model.facts["speaker"]) if "speaker" in model.facts else None
        self._how: Any = piper().SynthesisConfig(speaker_id=speaker, **NOISELESS)

    def speak(self, text: str) -> Iterator[F32]:
        """Each sentence as it is made, or each piece of one."""
        parts = pieces(text, self._splitting)
        if not parts:
            raise EngineError("there is nothing to say in the text", "give one with words in it")
        for part in parts:
            with explained(self._file.path):
                for chunk in self._voice.synthesize(part, self._how):
                    check_sound(chunk.audio_float_array, self.sample_rate, part)
                    yield chunk.audio_float_array

    def reset(self) -> None:
        """A text leaves nothing behind: without noise it always sounds the same."""

    def close(self) -> None:
        """Free the session of onnxruntime."""
        self._voice = None


def _load(model: Model, file: ModelFile, params: Params) -> Any:
    library = piper()
    try:
        config = library.config.PiperConfig.from_dict(
            json.loads(Path(str(model.facts["config"])).read_text(encoding="utf-8"))
        )
    except FileNotFoundError as error:
        raise ModelFileError(f"the voice's {model.facts['config']} is gone", SWEEP_AGAIN) from error
    except (KeyError, ValueError) as error:
        raise ModelFileError(
            f"piper-tts cannot use {model.facts['config']}: {error!r}", "use a voice of Piper"
        ) from error
    with explained(file.path):
        session = open_session(
            onnxruntime(), file.path, arguments(params), "python -m tuner show tts engine=piper", PROVIDER_OPTIONS
        )
    inputs = {value.name for value in session.get_inputs()}
    if not inputs >= INPUTS:
        raise ModelFileError(
            f"{file.path} is no voice of Piper: its inputs are {', '.join(sorted(inputs))}", "give VOICE.onnx"
        )
    return library.PiperVoice(session=session, config=config)
