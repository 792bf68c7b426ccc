"""One configuration of espeak-ng, loaded."""

from __future__ import annotations

from collections.abc import Callable

from engines.base import Model, ModelFile
from engines.errors import EngineError
from engines.espeak.capabilities import build_of
from engines.espeak.library import DEFAULT_MODE, LEAST_BUFFER_MS, SYNCHRONOUS, Voice
from engines.synthesis.references import References
from engines.synthesis.session import PushingSession
from engines.synthesis.speech import F32
from engines.synthesis.splitting import pieces
from search_spaces.parameter import Params

REFERENCE: Params = {"mode": SYNCHRONOUS, "buffer_ms": LEAST_BUFFER_MS, "split": "none", "first_chunk": "same"}
"""The text as the library reads it when it is given all of it."""


def references(model: Model) -> References:
    """The reference audio of a voice."""
    return References(model, build_of(), dict(REFERENCE))


class EspeakSession(PushingSession):
    """A loaded voice. A chunk is one buffer of the library."""

    def __init__(self, model: Model, file: ModelFile, params: Params) -> None:
        super().__init__(references(model))
        self._params = params
        self._voice = Voice(
            str(model.facts["voice"]),
            int(model.facts["words_per_minute"]),
            int(model.facts["pitch"]),
            str(params.get("mode", DEFAULT_MODE)),
            int(params.get("buffer_ms", LEAST_BUFFER_MS)),
        )
        self.sample_rate = self._voice.sample_rate

    def utter(self, text: str, hear: Callable[[F32], None]) -> None:
        """Each piece of the text in a call of its own."""
        parts = pieces(text, self._params)
        if not parts:
            raise EngineError("there is nothing to say in the text", "give one with words in it")
        for part in parts:
            self._voice.say(part, hear)

    def reset(self) -> None:
        """The library begins anew."""
        self._voice.renew()

    def close(self) -> None:
        """Unload the library."""
        self._voice.close()
