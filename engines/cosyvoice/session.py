"""One configuration, loaded and ready: requests, one at a time or several at once, timed stage by stage."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engines.base import Model, ModelFile, Sample, WorkItem, Workload
from engines.cosyvoice import in_force
from engines.cosyvoice.capabilities import torch_module
from engines.cosyvoice.failures import explained
from engines.cosyvoice.optimizations import reset_streaming, tune_model, tune_process
from engines.cosyvoice.profile import profile
from engines.cosyvoice.reference import TakenTokens, judge, references
from engines.cosyvoice.requests import Request
from engines.cosyvoice.settings import Settings
from engines.cosyvoice.stages import Stages
from engines.cosyvoice.takes import farthest, sample_of
from engines.cosyvoice.voices import load_voice
from engines.judgement import NO_LIMITS, Judgement, QualityLimits
from engines.synthesis.gate import check
from engines.synthesis.references import Reference
from engines.synthesis.speech import F32, Speech, listen
from search_spaces.parameter import Params

if TYPE_CHECKING:
    from engines.cosyvoice.voices import Conditions

SEED = 0
"""Of every request: tokens are drawn by chance, and the same request must be the same work."""


class CosyVoiceSession:
    """A loaded configuration."""

    def __init__(self, model: Model, file: ModelFile, params: Params) -> None:
        self._model, self._settings = model, Settings.of(params)
        self._torch = torch_module()
        self._references = references(model)
        self._reference_of: dict[str, Reference | None] = {}
        self._heard: dict[str, Speech] = {}
        with ExitStack() as undo, explained():
            undo.callback(tune_process(self._torch, self._settings))
            self._voice = load_voice(self._torch, model, self._settings)
            tune_model(self._torch, self._voice.model, self._settings)
            self._observed = in_force.Observed(self._torch, self._voice.model)
            self._stages = Stages(self._torch, self._voice.model, self._voice.front_end)
            self._undo = undo.pop_all()

    @property
    def sample_rate(self) -> int:
        """Of its audio, in Hz."""
        return self._voice.sample_rate

    def run(self, item: WorkItem) -> Sample:
        """One request, or `concurrency` of the same at once. Raises InvalidOutputError, EngineError."""
        request = Request.of(item.payload)
        reference = self._reference(request)
        wanted_s = reference.seconds if reference else None
        spoken, wall_s, stages = self._timed(request, self._settings)
        for speech in spoken:
            check(speech.audio, speech.sample_rate, request.text, request.limits, wanted_s)
        self._heard[request.key] = farthest(spoken, wanted_s)
        return sample_of(item.id, request, spoken, wall_s, stages, wanted_s)

    @property
    def loaded(self) -> Any:
        """The repository's CosyVoice2Model or CosyVoice3Model."""
        return self._voice.model

    def measured(self, item: WorkItem, at_once: int) -> Mapping[str, float]:
        """Seconds of the item's stages, of its audio and to its first audio, for so many requests at once."""
        settings = replace(self._settings, concurrency=at_once)
        if at_once > 1:
            settings = replace(settings, hop_growth=1)  # the hop is shared: see the search space's rule
        spoken, wall_s, stages = self._timed(Request.of(item.payload), settings)
        return {
            **stages,
            "wall_s": wall_s,
            "request_s": sum(s.done_s for s in spoken),
            "audio_s": sum(s.seconds for s in spoken),
            "first_audio_s": max(s.chunks[0].at_s for s in spoken),
        }

    def reset(self, settings: Settings | None = None) -> None:
        """Forget the request before: hop lengths, tokens, and what chance drew."""
        reset_streaming(self._voice.model, settings or self._settings)
        self._stages.forget()
        self._torch.manual_seed(SEED)

    def listen(self, request: Request) -> Speech:
        """One request by itself, from a clean state."""
        self.reset()
        return listen(self._speak(request), self.sample_rate)

    def quality(self, workload: Workload, limits: QualityLimits = NO_LIMITS) -> Judgement:
        """Distances from the fp32 eager audio, if the workload has anything for them."""
        return Judgement(judge(self, workload, self._references, self._heard))

    def said_again(self, request: Request, taken: TakenTokens) -> Speech:
        """What `request` becomes from speech tokens that an LLM has drawn, by flow and vocoder alone."""
        self.reset()
        pieces = zip(self._voice.conditions(request), taken, strict=True)
        return listen((chunk for piece in pieces for chunk in self._from_tokens(*piece)), self.sample_rate)

    def taken(self) -> TakenTokens:
        """The speech tokens of each piece of the latest request."""
        return [[int(t) for t in tokens.flatten().tolist()] for tokens in self._stages.tokens]

    def in_force(self) -> Mapping[str, str]:
        """The optimizations that are really in force, asked of the runtime."""
        reset_streaming(self._voice.model, self._settings)
        return in_force.in_force(self._torch, self._voice.model, self._observed)

    def profile(self, workload: Workload) -> Mapping[str, Any]:
        """Documents by file name: stage times of a request, and the kernels that it spent them in."""
        return profile(self._torch, self, self._settings, workload)

    def close(self) -> None:
        """Free the model and set the process back."""
        del self._voice, self._stages, self._observed
        self._undo.close()
        gc.collect()  # what replaced the model's methods refers to it in circles
        if self._torch.cuda.is_available():
            self._torch.cuda.empty_cache()

    def _timed(self, request: Request, settings: Settings) -> tuple[list[Speech], float, dict[str, float]]:
        """What was spoken, the wall time, and the stages' times."""
        self.reset(settings)
        self._stages.collect()
        begin = time.perf_counter()
        spoken = self._at_once(request, settings.concurrency)
        return spoken, time.perf_counter() - begin, self._stages.collect()

    def _at_once(self, request: Request, count: int) -> list[Speech]:
        if count == 1:
            return [listen(self._speak(request), self.sample_rate)]
        together = threading.Barrier(count)

        def one(_: int) -> Speech:
            together.wait()
            return listen(self._speak(request), self.sample_rate)

        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(one, range(count)))

    def _speak(self, request: Request) -> Iterator[F32]:
        with explained():
            for tensor in self._voice.speak(request):
                self._stages.raise_failure()
                yield _samples(tensor)
            self._stages.raise_failure()

    def _from_tokens(self, piece: Conditions, tokens: list[int]) -> Iterator[F32]:
        # Given speech tokens, the repository's `tts` leaves its LLM out, as for the conversion of a voice.
        source = self._torch.tensor([tokens], dtype=self._torch.int32)
        heard = {**piece, "source_speech_token": source}
        with explained():
            for output in self._voice.model.tts(**heard, stream=self._settings.stream):
                yield _samples(output["tts_speech"])

    def _reference(self, request: Request) -> Reference | None:
        if request.key not in self._reference_of:
            self._reference_of[request.key] = self._references.read(request.key)
        return self._reference_of[request.key]


def _samples(tensor: Any) -> F32:
    """One channel of 32-bit samples from a tensor (1, samples)."""
    samples: F32 = tensor.squeeze(0).float().numpy()
    return samples
