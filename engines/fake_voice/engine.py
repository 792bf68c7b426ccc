"""A speech synthesis engine with a known optimum whose fastest configurations make audio that nobody could deploy.

It speaks syllables of a harmonic tone, as long as the text asks for, and really waits: `delay_ms` for each chunk. What
is wrong with a `speaker` other than `sound` is its name; each of them waits a tenth of that, so a search for speed
alone would choose it. `model.speakers` says which of them there are (all of them unless given).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engines.assembled import AssembledEngine
from engines.base import Capabilities, ExportFile, MemoryPrediction, Model, ModelFile, Progress, Workload
from engines.deploy import Deployment
from engines.errors import ModelFileError
from engines.synthesis.gate import letters
from engines.synthesis.references import References
from engines.synthesis.session import SynthesisSession, prepare_references
from engines.synthesis.speech import F32
from engines.synthesis.splitting import pieces
from engines.synthesis.workload import FILES, resolve_workload
from search_spaces.errors import unknown_name
from search_spaces.parameter import Params

SOUND = "sound"
SPEAKERS = (SOUND, "nan", "silent", "clipped", "truncated", "endless")
RATE = 16000
_LETTERS_A_SECOND = 14.0
_CHUNKS = 4
_BUILD = {"version": "1", "build": "fake"}


class FakeVoiceSession(SynthesisSession):
    """One configuration of the fake voice."""

    sample_rate = RATE

    def __init__(self, model: Model, file: ModelFile, params: Params) -> None:
        super().__init__(references(model))
        self._params = params
        self._hop = 1

    def speak(self, text: str) -> Iterator[F32]:
        """Each piece in chunks that grow, after the wait for it."""
        import numpy as np

        speaker = str(self._params.get("speaker", SOUND))
        wait_s = int(self._params.get("delay_ms", 8)) / 1000 / (1 if speaker == SOUND else 10)
        for piece in pieces(text, self._params):
            audio = _misspoken(_tone(letters(piece) / _LETTERS_A_SECOND), speaker)
            for part in np.array_split(audio, _CHUNKS * self._hop):
                time.sleep(wait_s)
                yield part
            self._hop += 1

    def reset(self) -> None:
        """The hop grows from piece to piece, as that of real engines does."""
        self._hop = 1

    def close(self) -> None:
        """Nothing is held."""


def _tone(seconds: float) -> F32:
    """Syllables of 0.2 s at a peak of 0.5, a third of each a pause."""
    import numpy as np

    moments = np.arange(round(seconds * RATE)) / RATE
    wave = np.sum([np.sin(2 * np.pi * 120 * n * moments) / n for n in range(1, 8)], axis=0)
    syllables = np.clip(np.sin(2 * np.pi * 5.0 * moments) + 0.5, 0, 1)
    tone: F32 = (0.25 * wave * syllables).astype(np.float32)
    return tone


def _misspoken(audio: F32, speaker: str) -> F32:
    import numpy as np

    if speaker == "nan":
        return np.where(np.arange(audio.size) == audio.size // 2, np.float32(np.nan), audio)
    if speaker == "truncated":
        return audio[: audio.size // 2]
    if speaker == "endless":
        return np.tile(audio, 8)
    if speaker == "silent":
        return np.zeros_like(audio)
    return np.clip(9 * audio, -1, 1) if speaker == "clipped" else audio


def references(model: Model) -> References:
    """The audio of the sound speaker."""
    return References(model, _BUILD, {"speaker": SOUND})


class FakeVoiceEngine(AssembledEngine):
    """See the module."""

    name = "fake_voice"
    task = "tts"
    for_tests = True
    space = "fake_voice"
    conf = Path(__file__).parent / "conf"
    files = FILES
    resolve_workload = staticmethod(resolve_workload)
    session = FakeVoiceSession
    export_targets: Mapping[str, str] = {"json": "the parameters as a JSON file"}

    def capabilities(self) -> Capabilities:
        """Nothing of the machine matters."""
        return Capabilities({}, _BUILD)

    def resolve_model(self, config: Mapping[str, Any], progress: Progress) -> Model:
        """The one voice that there is. Raises ModelFileError for another, TunerError for an unknown speaker."""
        if config.get("source") != "fake_voice":
            raise ModelFileError(f"there is no voice {config.get('source')!r}", "write model.source=fake_voice")
        speakers = config.get("speakers") or SPEAKERS
        for speaker in speakers:
            if speaker not in SPEAKERS:
                raise unknown_name("speaker", str(speaker), SPEAKERS)
        return Model("fake-voice", "fake_voice", "0" * 64, {"": ""}, "", "", {"speakers": ",".join(speakers)})

    def prepare(self, model: Model, params: Params, progress: Progress) -> ModelFile:
        """There is no file."""
        return ModelFile("", "0" * 64, "", 1.0)

    def prepare_quality(self, model: Model, workload: Workload, progress: Progress) -> None:
        """*Worker.* What the sound speaker says."""

        def reference() -> FakeVoiceSession:
            return FakeVoiceSession(model, self.prepare(model, {}, progress), {"delay_ms": 0})

        prepare_references(references(model), workload, reference, progress)

    def predict_memory(self, model: Model, params: Params, capabilities: Capabilities) -> MemoryPrediction:
        """The same for all."""
        return MemoryPrediction(50.0, 0.0)

    def export(self, target: str, deploy: Deployment) -> list[ExportFile]:
        """The parameters as JSON."""
        return [ExportFile("params.json", json.dumps(dict(deploy.params), indent=2) + "\n")]


ENGINE = FakeVoiceEngine
