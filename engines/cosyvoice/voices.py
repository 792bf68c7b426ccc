"""A loaded model that can be spoken to, whether its weights are published ones or generated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from engines.base import Model
from engines.cache import cache_root
from engines.cosyvoice import prompts, shape
from engines.cosyvoice.plans import ONNX, exported_estimator, load_plan
from engines.cosyvoice.repository import Repository, find_repository, import_module, lacking_is_told
from engines.cosyvoice.requests import CONVERSION, INSTRUCT, Request
from engines.cosyvoice.settings import Settings

Conditions = Mapping[str, Any]
"""Keyword arguments of the model's `tts`, for one piece of text."""


class Voice(Protocol):
    """`model` is the repository's CosyVoice2Model or CosyVoice3Model; `front_end` reads prompts, where there is one."""

    model: Any
    front_end: Any
    sample_rate: int

    def speak(self, request: Request) -> Iterator[Any]:
        """The tensors (1, samples) of a request as they come, through the calls that users make."""
        ...

    def conditions(self, request: Request) -> list[Conditions]:
        """What the model is handed for each piece of the request."""
        ...


def load_voice(torch: Any, model: Model, settings: Settings) -> Voice:
    """Load. Raises MissingLibraryError, ModelFileError, UnsupportedError, and what torch raises."""
    repository = find_repository(model.facts["repository"])
    _register_vllm(repository, settings)
    voice: Voice
    if model.facts["generated"]:
        voice = GeneratedVoice(torch, repository, model, settings)
    else:
        voice = FolderVoice(repository, model, settings)
    if settings.load_trt:
        onnx = _estimator_onnx(torch, voice, model)
        load_plan(torch, repository, voice.model, onnx, settings.fp16, settings.trt_concurrent)
    return voice


def _register_vllm(repository: Repository, settings: Settings) -> None:
    """Tell vLLM of the repository's model class, as its vllm_example.py does."""
    if not settings.load_vllm:
        return
    from vllm import ModelRegistry

    module = import_module(repository, "cosyvoice.vllm.cosyvoice2")
    ModelRegistry.register_model("CosyVoice2ForCausalLM", module.CosyVoice2ForCausalLM)


def _estimator_onnx(torch: Any, voice: Voice, model: Model) -> Path:
    if model.facts["generated"]:
        return exported_estimator(torch, voice.model.flow.decoder.estimator, model.digest)
    return Path(str(model.facts["folder"])) / ONNX


class GeneratedVoice:
    """Generated weights of a true shape. There is no front end: requests are ids and features of the right shapes."""

    front_end = None
    sample_rate = shape.SAMPLE_RATE

    def __init__(self, torch: Any, repository: Repository, model: Model, settings: Settings) -> None:
        version = int(model.facts["cosyvoice_version"])
        parts = shape.generate(repository, version, int(model.facts["layers"]) or None)
        classes = import_module(repository, "cosyvoice.cli.model", with_torchaudio=False)
        self._torch, self._stream = torch, settings.stream
        self.model = getattr(classes, f"CosyVoice{version}Model")(parts.llm, parts.flow, parts.hift, settings.fp16)
        for part in (parts.llm, parts.flow, parts.hift):
            part.to(self.model.device)
        if settings.load_vllm:
            self.model.load_vllm(str(cache_root() / "vllm" / model.digest[:32]))

    def speak(self, request: Request) -> Iterator[Any]:
        """See Voice."""
        for conditions in self.conditions(request):
            for output in self.model.tts(**conditions, stream=self._stream):
                yield output["tts_speech"]

    def conditions(self, request: Request) -> list[Conditions]:
        """See Voice."""
        if request.mode == CONVERSION:
            return [prompts.converted(self._torch, request.key, request.seconds)]
        return [prompts.spoken(self._torch, request.text, request.mode == INSTRUCT)]


class FolderVoice:
    """Published weights, through the repository's own CosyVoice2 or CosyVoice3."""

    def __init__(self, repository: Repository, model: Model, settings: Settings) -> None:
        version = int(model.facts["cosyvoice_version"])
        classes = import_module(repository, "cosyvoice.cli.cosyvoice")
        folder, constructor = str(model.facts["folder"]), settings.constructor(version)
        with lacking_is_told(repository):
            self._api = getattr(classes, f"CosyVoice{version}")(folder, **constructor)
        self.model, self.front_end = self._api.model, self._api.frontend
        self.sample_rate = int(self._api.sample_rate)
        self._prompt = str(model.facts["prompt_text"]), str(model.facts["prompt_wav"])
        self._stream, self._cached = settings.stream, settings.prompt_cached
        self._speakers: dict[str, str] = {}

    def speak(self, request: Request) -> Iterator[Any]:
        """See Voice."""
        text, wav = self._prompt
        cached = {"zero_shot_spk_id": self._speaker(request), "stream": self._stream}
        if request.mode == CONVERSION:
            outputs = self._api.inference_vc(request.source, wav, stream=self._stream)
        elif request.mode == INSTRUCT:
            outputs = self._api.inference_instruct2(request.text, request.instruction, wav, **cached)
        else:
            outputs = self._api.inference_zero_shot(request.text, text, wav, **cached)
        for output in outputs:
            yield output["tts_speech"]

    def conditions(self, request: Request) -> list[Conditions]:
        """See Voice."""
        front, (text, wav), rate, speaker = self.front_end, self._prompt, self.sample_rate, self._speaker(request)
        if request.mode == CONVERSION:
            return [front.frontend_vc(request.source, wav, rate)]
        pieces = front.text_normalize(request.text, split=True)
        if request.mode == INSTRUCT:
            return [front.frontend_instruct2(p, request.instruction, wav, rate, speaker) for p in pieces]
        heard = front.text_normalize(text, split=False)
        return [front.frontend_zero_shot(p, heard, wav, rate, speaker) for p in pieces]

    def _speaker(self, request: Request) -> str:
        """The name under which the repository keeps the prompt that was read once; "" to have it read every time.

        What it keeps holds the words before the text as well, so each instruction is a speaker of its own.
        """
        if not self._cached or request.mode == CONVERSION:
            return ""
        words = request.instruction if request.mode == INSTRUCT else self._prompt[0]
        if words not in self._speakers:
            self._speakers[words] = f"tuner-{len(self._speakers)}"
            self._api.add_zero_shot_spk(words, self._prompt[1], self._speakers[words])
        return self._speakers[words]
