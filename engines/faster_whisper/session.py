"""One configuration, loaded: transcribes through faster-whisper's own classes, which people deploy."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engines.base import Model, ModelFile, Workload
from engines.errors import SWEEP_AGAIN, ModelFileError
from engines.faster_whisper.capabilities import build_of
from engines.faster_whisper.library import ctranslate2, failure, faster_whisper
from engines.faster_whisper.settings import NAME, arguments, decides, is_reference
from engines.judgement import NO_LIMITS, NOT_JUDGED, Judgement, QualityLimits
from engines.recognition import quality
from engines.recognition.audio import F32
from engines.recognition.hearing import Decides, TooLateError
from engines.recognition.material import passages
from engines.recognition.reference import reference_file
from engines.recognition.session import RecogniserSession
from search_spaces.parameter import Params

_SEED = 0


class FasterWhisperSession(RecogniserSession):
    """A loaded configuration. Of one call nothing is kept but the random state of fallbacks, which is set back."""

    def __init__(self, model: Model, file: ModelFile, params: Params) -> None:
        super().__init__()
        self._model, self._params, self._path = model, params, Path(file.path)
        asked = arguments(params, str(model.facts["language"]))
        self._call = dict(asked.call)
        if not self._path.exists():
            raise ModelFileError(f"the model file {self._path} is gone", SWEEP_AGAIN)
        library = faster_whisper()
        try:
            self._whisper: Any = library.WhisperModel(str(self._path.parent), **asked.model, local_files_only=True)
        except (ValueError, RuntimeError, MemoryError) as error:
            raise failure(error, self._path) from error
        self._transcriber: Any = library.BatchedInferencePipeline(self._whisper) if asked.batched else self._whisper

    def transcribe(self, audio: F32, on_segment: Callable[[], None], within_s: float = math.inf) -> str:
        """What is heard. Raises EngineError, and TooLateError between two segments: one cannot be stopped."""
        ctranslate2().set_random_seed(_SEED)
        texts, latest = [], time.perf_counter() + within_s
        try:
            segments, _ = self._transcriber.transcribe(audio, **self._call)
            for segment in segments:
                if time.perf_counter() > latest:
                    raise TooLateError
                on_segment()
                texts.append(str(segment.text).strip())
        except (ValueError, RuntimeError, MemoryError) as error:
            raise failure(error, self._path) from error
        return " ".join(text for text in texts if text)

    def quality(self, workload: Workload, limits: QualityLimits = NO_LIMITS) -> Judgement:
        """Word errors and failed clips, also beside the reference's, if the workload has transcripts."""
        if not passages(workload):
            return NOT_JUDGED
        reference = reference_file(NAME, self._model, workload, build_of())
        plain = is_reference(self._model, self._params)
        return quality.judge(workload, reference, self._params, None if plain else self, limits)

    def decides(self, length_s: float) -> Decides:
        """All but threads and workers, and what is not in use."""
        return decides(self._model, self._params)

    def in_force(self) -> Mapping[str, str]:
        """What CTranslate2 computes in, and where."""
        loaded = self._whisper.model
        return {"compute_type": str(loaded.compute_type), "device": str(loaded.device)}

    def profile(self, workload: Workload) -> Mapping[str, str]:
        """CTranslate2 does not say where its time goes."""
        return {}

    def close(self) -> None:
        """Free the model."""
        self._whisper.model.unload_model()
        self._whisper = self._transcriber = None
