"""One configuration, loaded: transcribes through pywhispercpp's Model, the class that people deploy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from engines.base import Model, ModelFile, Workload
from engines.errors import SWEEP_AGAIN, ModelFileError, OutOfMemoryError
from engines.judgement import NO_LIMITS, NOT_JUDGED, Judgement, QualityLimits
from engines.machine_limits import usable_cores
from engines.recognition import quality
from engines.recognition.audio import F32, SAMPLE_RATE
from engines.recognition.session import RecogniserSession
from engines.whisper_cpp.capabilities import build_of
from engines.whisper_cpp.library import LOG, binding, failure, model_class
from engines.whisper_cpp.settings import NAME, Arguments, arguments, audio_ctx, is_reference
from search_spaces.parameter import Params

_FAILED = ("failed to", "larger than the maximum", "too many decoders")
"""The binding passes over whisper.cpp's return value; its log tells that a call failed."""


class WhisperCppSession(RecogniserSession):
    """A loaded configuration. whisper.cpp keeps no text from call to call, so every passage begins clean."""

    def __init__(self, model: Model, file: ModelFile, params: Params) -> None:
        super().__init__()
        self._model, self._params, self._path = model, params, file.path
        self._positions = int(model.facts["n_audio_ctx"])
        asked = arguments(params, str(model.facts["language"]), str(model.facts["vad_model"]))
        self._call = dict(asked.call)
        self._whisper: Any = _load(file.path, asked)

    def quality(self, workload: Workload, limits: QualityLimits = NO_LIMITS) -> Judgement:
        """Word errors and failed clips, also beside the reference's, if the workload has transcripts.

        All cores transcribe, however many threads the configuration has: that changes nothing but the time.
        """
        if not quality.passages(workload):
            return NOT_JUDGED
        reference = quality.reference_file(NAME, self._model, workload, build_of())
        if is_reference(self._model, self._params):
            return quality.judge(workload, reference, self._params, None)
        own = self._whisper.get_params()["n_threads"]
        # The binding keeps what a call is given for the calls after it.
        self._call["n_threads"] = max(1, usable_cores() // int(self._params.get("n_processors", 1)))
        try:
            return quality.judge(workload, reference, self._params, self.hear)
        finally:
            self._call["n_threads"] = own

    def close(self) -> None:
        """Free the context and the model."""
        binding().whisper_free(self._whisper._ctx)
        self._whisper._ctx = None

    def transcribe(self, audio: F32, on_segment: Callable[[], None]) -> str:
        """What is heard. Raises EngineError where the library's log tells that it failed."""
        LOG.clear()
        positions = audio_ctx(self._params, audio.size / SAMPLE_RATE, self._positions)
        # With several processors segments are handed out at the end, from a thread that must not call Python.
        callback = None if "n_processors" in self._call else lambda segment: on_segment()
        segments = self._whisper.transcribe(audio, new_segment_callback=callback, audio_ctx=positions, **self._call)
        reason = LOG.reason()
        if any(sign in reason for sign in _FAILED):
            raise failure(reason, str(self._model.facts["vad_model"]) if "VAD" in reason else self._path)
        return " ".join(text for segment in segments if (text := segment.text.strip()))


def _load(path: str, asked: Arguments) -> Any:
    LOG.clear()
    try:
        whisper = model_class()(path, **asked.model)
    except MemoryError as error:
        raise OutOfMemoryError("not enough memory for the model", "use a smaller model or quantization") from error
    # The binding makes an object even of a context that whisper.cpp could not make.
    if any(sign in LOG.reason() for sign in ("failed to", "invalid model", "unknown tensor", "wrong")):
        whisper._ctx = None
        if not Path(path).exists():
            raise ModelFileError(f"the model file {path} is gone", SWEEP_AGAIN)
        raise failure("failed to load model", path)
    return whisper
