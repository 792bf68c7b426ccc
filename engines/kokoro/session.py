"""One configuration, loaded: kokoro-onnx's Kokoro, the class that people deploy, on a session of onnxruntime's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engines.base import Model, ModelFile
from engines.errors import SWEEP_AGAIN, EngineError, ModelFileError
from engines.kokoro.capabilities import build_of
from engines.kokoro.library import explained, kokoro_onnx, onnxruntime, spelled
from engines.kokoro.settings import arguments
from engines.onnx_sessions.opening import open_session
from engines.synthesis.gate import check_sound
from engines.synthesis.references import Reference, References
from engines.synthesis.session import SynthesisSession
from engines.synthesis.speech import F32, Speech
from engines.synthesis.splitting import opening, pieces
from search_spaces.parameter import Params

SAMPLE_RATE = 24000
SENTENCE_PAUSE_S, CLAUSE_PAUSE_S = 0.25, 0.1
"""What kokoro-onnx puts between the parts that it cuts a long text into; it trims their silence. Ours get the same."""
_SEED = 0


def reference_params(model: Model) -> Params:
    """The most precise variant as onnxruntime runs it by default, the text as kokoro-onnx takes it."""
    return {"quantization": model.reference}


def references(model: Model) -> References:
    """The reference audio of a model and its voice."""
    return References(model, build_of(), {"seed": _SEED})


class KokoroSession(SynthesisSession):
    """A loaded configuration. A chunk is a piece of the text, or a phrase out of the cache."""

    sample_rate = SAMPLE_RATE

    def __init__(self, model: Model, file: ModelFile, params: Params) -> None:
        super().__init__(references(model))
        self._model, self._file, self._params = model, file, params
        self._voice, self._language = str(model.facts["voice"]), str(model.facts["language"])
        self._kokoro: Any = _load(model, file, params)
        self._cached_samples = 0
        self._cache: dict[str, F32] = {}
        if params.get("phrase_cache"):
            self._cache = {phrase: self._create(phrase) for phrase in str(model.facts["phrases"]).split("\n")}

    def speak(self, text: str) -> Iterator[F32]:
        """Each piece as it is made, with the pause that its last mark asks for."""
        parts = self._pieces(" ".join(text.split()))
        if not parts:
            raise EngineError("there is nothing to say in the text", "give one with words in it")
        for number, part in enumerate(parts, start=1):
            audio = self._cache[part] if part in self._cache else self._create(part)
            self._cached_samples += audio.size if part in self._cache else 0
            yield audio if number == len(parts) else _followed_by_pause(audio, part)

    def _pieces(self, text: str) -> list[str]:
        """With a cache, a phrase that the text begins with is a piece of its own."""
        begins = opening(text, self._cache)
        rest = pieces(text[len(begins) :], self._params)
        return [begins, *rest] if begins else rest

    def reset(self) -> None:
        """The noise that the graph draws goes on from text to text, at the same cost; judging uses `listen_afresh`."""
        self._cached_samples = 0

    def listen_afresh(self, text: str) -> Speech:
        """Speak `text` with the first noise that the seed gives: whatever was said before, it sounds the same.

        Two noises are 3 dB of mel distance apart, as far as some precisions. onnxruntime seeds the generators of a
        graph when it loads it.
        """
        self._begin_anew()
        return self.listen(text)

    def _begin_anew(self) -> None:
        self._kokoro = None
        self._kokoro = _load(self._model, self._file, self._params)

    def _due_seconds(self, text: str, speech: Speech, reference: Reference | None) -> float:
        """Without what came out of the cache."""
        samples = sum(chunk.samples.size for chunk in speech.chunks)
        due = min(speech.seconds, reference.seconds) if reference else speech.seconds
        return due * (1 - self._cached_samples / samples)

    def close(self) -> None:
        """Free the session of onnxruntime."""
        self._kokoro = None
        self._cache = {}

    def _create(self, text: str) -> F32:
        """The audio of a piece. Raises InvalidOutputError where it is none: a pause would stand in for it otherwise."""
        with spelled(text):
            phonemes = self._kokoro.tokenizer.phonemize(text, self._language)
        with explained(self._file.path):
            audio, _ = self._kokoro.create(
                phonemes, self._voice, lang=self._language, is_phonemes=True,
                sentence_pause=SENTENCE_PAUSE_S, clause_pause=CLAUSE_PAUSE_S,
            )  # fmt: skip
        for untrimmed in self._kokoro.sess.take():
            check_sound(untrimmed, SAMPLE_RATE, text)
        made: F32 = audio.astype("float32", copy=False)
        check_sound(made, SAMPLE_RATE, text)
        return made


class _Heard:
    """A session of onnxruntime that keeps its audio: kokoro-onnx trims it, and where one sample is NaN, all of it."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._audio: list[F32] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, names: Any, inputs: Any) -> Any:
        """As the session does."""
        outputs = self._session.run(names, inputs)
        self._audio.append(outputs[0].ravel().astype("float32", copy=False))
        return outputs

    def take(self) -> list[F32]:
        """The audio of every run since the last time."""
        taken, self._audio = self._audio, []
        return taken


def _load(model: Model, file: ModelFile, params: Params) -> Any:
    runtime, asked = onnxruntime(), arguments(params)
    runtime.set_seed(_SEED)
    with explained(file.path):
        session = open_session(runtime, file.path, asked, "python -m tuner show tts engine=kokoro")
        try:
            kokoro = kokoro_onnx().Kokoro.from_session(_Heard(session), str(model.facts["voices"]))
        except FileNotFoundError as error:
            raise ModelFileError(f"the voices {model.facts['voices']} are gone", SWEEP_AGAIN) from error
        with kokoro.voices as archive:  # kokoro-onnx leaves the file open, and reads it for every request
            kokoro.voices = dict(archive)
        return kokoro


def _followed_by_pause(audio: F32, text: str) -> F32:
    import numpy as np

    mark = text.rstrip("\"'”’)]")[-1:]
    seconds = SENTENCE_PAUSE_S if mark in ".!?…" else CLAUSE_PAUSE_S if mark in ",;:" else 0.0
    return np.concatenate([audio, np.zeros(round(seconds * SAMPLE_RATE), np.float32)])
