"""One configuration, loaded: transcribes through pywhispercpp's Model, the class that people deploy."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engines.base import Model, ModelFile, Workload
from engines.errors import SWEEP_AGAIN, ModelFileError, OutOfMemoryError
from engines.judgement import NO_LIMITS, NOT_JUDGED, Judgement, QualityLimits
from engines.machine_limits import usable_cores
from engines.recognition import quality
from engines.recognition.audio import F32, SAMPLE_RATE
from engines.recognition.hearing import Decides, TooLateError
from engines.recognition.material import passages
from engines.recognition.reference import reference_file
from engines.recognition.session import RecogniserSession
from engines.whisper_cpp.capabilities import build_of
from engines.whisper_cpp.library import LOG, binding, failure, model_class
from engines.whisper_cpp.settings import NAME, Arguments, arguments, audio_ctx, decides, is_reference
from search_spaces.parameter import Params

_FAILED = ("failed to", "larger than the maximum", "too many decoders")
"""The binding passes over whisper.cpp's return value; its log tells that a call failed."""
_COUNTED = re.compile(r"fallbacks = *(\d+) p / *(\d+) h")


class WhisperCppSession(RecogniserSession):
    """A loaded configuration. whisper.cpp keeps no text from call to call, so every passage begins clean."""

    def __init__(self, model: Model, file: ModelFile, params: Params) -> None:
        super().__init__()
        self._model, self._params, self._path = model, params, file.path
        self._positions = int(model.facts["n_audio_ctx"])
        asked = arguments(params, str(model.facts["language"]), str(model.facts["vad_model"]))
        self._call = dict(asked.call)
        self._several = "n_processors" in self._call
        self._whisper: Any = _load(file.path, asked)
        self._fallbacks: int | None = None

    def quality(self, workload: Workload, limits: QualityLimits = NO_LIMITS) -> Judgement:
        """Word errors and failed clips, also beside the reference's, if the workload has transcripts.

        All cores transcribe, however many threads the configuration has: that changes nothing but the time.
        """
        if not passages(workload):
            return NOT_JUDGED
        reference = reference_file(NAME, self._model, workload, build_of())
        if is_reference(self._model, self._params):
            return quality.judge(workload, reference, self._params, None)
        own = self._whisper.get_params()["n_threads"]
        # The binding keeps what a call is given for the calls after it.
        self._call["n_threads"] = max(1, usable_cores() // int(self._params.get("n_processors", 1)))
        try:
            return quality.judge(workload, reference, self._params, self, limits)
        finally:
            self._call["n_threads"] = own

    def close(self) -> None:
        """Free the context and the model."""
        binding().whisper_free(self._whisper._ctx)
        self._whisper._ctx = None

    def decides(self, length_s: float) -> Decides:
        """All but threads, and what follows from the length of the window."""
        return decides(self._model, self._params, length_s)

    def hear(self, audio: F32, within_s: float = math.inf) -> str:
        """What is heard; fallbacks are counted from here on."""
        self._fallbacks = _fallbacks(self._whisper._ctx)
        return super().hear(audio, within_s)

    def fell_back(self) -> bool | None:
        """Whether what was heard last took a fallback; several processors count each its own, which nobody sums up."""
        before, after = self._fallbacks, _fallbacks(self._whisper._ctx)
        return None if before is None or after is None or self._several else after > before

    def transcribe(self, audio: F32, on_segment: Callable[[], None], within_s: float = math.inf) -> str:
        """What is heard. Raises EngineError where the library's log tells that it failed, and TooLateError."""
        LOG.clear()
        positions = audio_ctx(self._params, audio.size / SAMPLE_RATE, self._positions)
        latest, late = time.perf_counter() + within_s, False

        def given_up() -> bool:
            """Asked before each pass of the encoder and the decoder."""
            nonlocal late
            late = time.perf_counter() > latest
            return late

        # With several processors segments are handed out at the end, from a thread that must not call Python.
        segments = self._whisper.transcribe(
            audio,
            new_segment_callback=None if self._several else lambda segment: on_segment(),
            abort_callback=None if self._several or math.isinf(within_s) else given_up,
            audio_ctx=positions,
            **self._call,
        )
        if late:
            raise TooLateError
        reason = LOG.reason()
        if any(sign in reason for sign in _FAILED):
            raise failure(reason, str(self._model.facts["vad_model"]) if "VAD" in reason else self._path)
        return " ".join(text for segment in segments if (text := segment.text.strip()))


def _fallbacks(context: Any) -> int | None:
    """How often decoding began again at a higher temperature, in all calls so far, by the library's own timings."""
    LOG.clear()
    binding().whisper_print_timings(context)
    found = next((match for line in LOG.lines if (match := _COUNTED.search(line))), None)
    return None if found is None else int(found[1]) + int(found[2])


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
