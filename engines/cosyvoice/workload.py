"""The requests of one round: the shared sentences in a voice or by an instruction, or a recording to convert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from engines.base import Model, Progress, WorkItem, Workload
from engines.cache import file_sha256
from engines.cosyvoice.requests import CONVERSION, INSTRUCT, MODES, ZERO_SHOT, Request
from engines.synthesis import workload as sentences
from engines.synthesis.intelligibility import Ear
from search_spaces.errors import TunerError, unknown_name

_NOBODY: Mapping[str, Ear] = {}
_OWN = ("mode", "instruction", "recording", "seconds")
LONGEST_S = 30.0
"""The repository refuses longer recordings."""
DEFAULT_INSTRUCTION = "You are a helpful assistant. Please say a sentence in a very soft voice.<|endofprompt|>"
"""One of the instructions that CosyVoice 3 was trained on (its README)."""


def resolve_workload(config: Mapping[str, Any], model: Model, progress: Progress) -> Workload:
    """The Workload of a `workload` configuration. Raises TunerError.

    `mode` is one of MODES; `instruction` is said to the model in mode instruct. A conversion's `recording` is a WAV
    file of up to 30 s; generated weights convert `seconds` of made-up speech instead.
    """
    mode = str(config.get("mode") or ZERO_SHOT)
    if mode not in MODES:
        raise unknown_name("workload.mode", mode, MODES)
    shared = {name: value for name, value in config.items() if name not in _OWN}
    if mode == CONVERSION:
        request, name = _conversion(config, model), str(config.get("name") or CONVERSION)
        whole = _workload(name, {f"convert-{request.seconds:g}-s": request}, [request], model)
        return replace(whole, notes=(_ONE_RECORDING, *_notes(model)))
    instruction = str(config.get("instruction") or DEFAULT_INSTRUCTION) if mode == INSTRUCT else ""
    texts = sentences.resolve_workload(shared, model, progress)
    if "asr_model" in texts.quality and model.facts["generated"]:
        raise TunerError("nobody can hear what generated weights say", "leave workload.asr_model out")
    held_out = _spoken(texts.held_out, mode, instruction, model) if texts.held_out else None
    searched = _spoken(texts, mode, instruction, model)
    return replace(searched, notes=(*texts.notes, *_notes(model)), held_out=held_out)


def judged_requests(workload: Workload) -> list[Request]:
    """What quality is judged on."""
    return [Request.of(payload) for payload in workload.quality.get("requests", ())]


def _spoken(texts: Workload, mode: str, instruction: str, model: Model) -> Workload:
    """One part of the shared sentences as requests: those of a round, and those that quality is judged on."""
    requests = {item.id: Request(mode, str(item.payload["text"]), instruction) for item in texts.items}
    judged = [Request(mode, text, instruction) for text in sentences.judged_texts(texts)]
    who = {name: value for name, value in texts.quality.items() if name == "asr_model"}
    return _workload(texts.name, requests, judged, model, who)


def _workload(
    name: str,
    requests: Mapping[str, Request],
    judged: Sequence[Request],
    model: Model,
    who: Mapping[str, Ear] = _NOBODY,
) -> Workload:
    items = tuple(WorkItem(key, asdict(request)) for key, request in requests.items())
    voice = [str(model.facts["prompt_text"]), str(model.facts.get("prompt_sha256", ""))]
    quality = {"requests": [asdict(request) for request in judged], "voice": voice, **who}
    converts = any(request.mode == CONVERSION for request in requests.values())
    return Workload(name, items, quality, facts={"voice_conversion": converts})


def _notes(model: Model) -> tuple[str, ...]:
    return (_GENERATED,) if model.facts["generated"] else ()


_GENERATED = "the weights are generated: speed and memory are those of the shape, the audio says nothing"
_ONE_RECORDING = "nothing is held out of a single recording: the verdict is on it and may not hold for others"


def _conversion(config: Mapping[str, Any], model: Model) -> Request:
    source = config.get("recording")
    if model.facts["generated"]:
        if source is not None:
            raise TunerError("workload.recording needs published weights", "leave it out, or give a model folder")
        return Request(CONVERSION, seconds=_seconds(config.get("seconds")))
    if source is None:
        raise TunerError("there is nothing to convert", "write workload.recording=FILE.wav, of up to 30 s")
    path = Path(str(source)).expanduser().absolute()
    return Request(CONVERSION, text=file_sha256(_checked(path))[:16], source=str(path), seconds=_length_s(path))


def _checked(path: Path) -> Path:
    if not path.is_file():
        raise TunerError(f"there is no recording {path}", "check workload.recording")
    return path


def _length_s(path: Path) -> float:
    import soundfile

    try:
        info = soundfile.info(str(path))
    except (RuntimeError, soundfile.SoundFileError) as error:
        raise TunerError(f"{path} is not a recording that can be read: {error}", "give a WAV file") from error
    seconds = float(info.frames / info.samplerate)
    if not 0 < seconds <= LONGEST_S:
        raise TunerError(f"{path} lasts {seconds:.1f} s", f"give a recording of up to {LONGEST_S:g} s")
    return round(seconds, 3)


def _seconds(given: Any) -> float:
    if given is None:
        return LONGEST_S
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given <= LONGEST_S:
        raise TunerError(f"workload.seconds is {given!r}", f"give a number up to {LONGEST_S:g}")
    return float(given)
