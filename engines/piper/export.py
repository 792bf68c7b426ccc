"""Production files of a measured configuration. Everything is quoted for the place where it stands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from engines.base import ExportFile
from engines.deploy import Deployment
from engines.export_text import command_files, files_of, filled, place_notes, title
from engines.onnx_sessions.providers import CPU, CUDA
from engines.piper.settings import PROVIDER_OPTIONS, SENTENCE, arguments, splitting
from engines.synthesis.export import splitting_file
from search_spaces.parameter import Value

TARGETS: Mapping[str, str] = {
    "python": "module with the voice, the SessionOptions of onnxruntime and speak(), through piper-tts",
    "piper": "argument vector (JSON) and script for piper-tts's command line, with what it has no option for",
    "json": "the settings as a JSON file, for a program of your own",
}
_DEFAULTS: Mapping[str, Value] = {
    "intra_op_threads": 0, "graph_optimization": "all", "spinning": True, "memory_arena": True, "split": SENTENCE,
    "first_chunk": "same",
}  # fmt: skip
"""Of knobs that piper's command line has no option for: those of the library, at which nothing is lost."""


def export(target: str, deploy: Deployment) -> list[ExportFile]:
    """The files of `target`. Raises TunerError."""
    return files_of(target, deploy, {"python": _python_module, "piper": _command, "json": _settings})


@dataclass(frozen=True)
class _Settings:
    """What is measured, as a module's constants and as a JSON document have it."""

    model_path: str
    config_path: str
    speaker: int | None
    providers: list[str | tuple[str, dict[str, str]]]
    options: dict[str, int | bool]
    enums: dict[str, tuple[str, str]]
    entries: dict[str, str]
    splitting: dict[str, Value]


def _settings_of(deploy: Deployment) -> _Settings:
    asked, facts = arguments(deploy.params), deploy.facts
    return _Settings(
        deploy.path,
        str(facts.get("config", f"{deploy.path}.json")),
        int(facts["speaker"]) if "speaker" in facts else None,
        [(name, dict(PROVIDER_OPTIONS[name])) if name in PROVIDER_OPTIONS else name for name in asked.providers],
        dict(asked.attributes),
        dict(asked.enums),
        dict(asked.entries),
        dict(splitting(deploy.params)),
    )


def _settings(deploy: Deployment) -> list[ExportFile]:
    document = {"notes": [title(deploy), *place_notes(deploy)], **asdict(_settings_of(deploy))}
    return [ExportFile("piper-settings.json", json.dumps(document, indent=2) + "\n")]


def _python_module(deploy: Deployment) -> list[ExportFile]:
    values = {name.upper(): value for name, value in asdict(_settings_of(deploy)).items()}
    return [ExportFile("tts.py", filled(_MODULE, deploy, values)), splitting_file()]


_MODULE = '''{title}

import json
from pathlib import Path
from typing import Any, Iterator

import numpy as np
from splitting import pieces

{values}


class Voice:
    """Piper with the measured settings. `sample_rate` is in Hz."""

    def __init__(self) -> None:
        import onnxruntime
        from piper import PiperVoice
        from piper.config import PiperConfig

        options = onnxruntime.SessionOptions()
        for name, value in OPTIONS.items():
            setattr(options, name, value)
        for name, (kind, member) in ENUMS.items():
            setattr(options, name, getattr(getattr(onnxruntime, kind), member))
        for name, value in ENTRIES.items():
            options.add_session_config_entry(name, value)
        session = onnxruntime.InferenceSession(MODEL_PATH, options, providers=PROVIDERS)
        wanted = PROVIDERS[0] if isinstance(PROVIDERS[0], str) else PROVIDERS[0][0]
        if wanted not in session.get_providers():
            raise RuntimeError(f"{{wanted}} does not load here, and nothing else was measured")
        config = PiperConfig.from_dict(json.loads(Path(CONFIG_PATH).read_text(encoding="utf-8")))
        self._voice: Any = PiperVoice(session=session, config=config)
        self.sample_rate = config.sample_rate
        list(self.speak("One, two."))  # the first text takes longer

    def speak(self, text: str, **settings: Any) -> Iterator[np.ndarray]:
        """Chunks of float32 samples of one channel, each as soon as it is made.

        `settings` are those of piper's SynthesisConfig (noise_scale, length_scale); the voice's own unless given.
        """
        from piper import SynthesisConfig

        how = SynthesisConfig(**{{"speaker_id": SPEAKER, **settings}})
        for piece in pieces(text, SPLITTING):
            for chunk in self._voice.synthesize(piece, how):
                yield chunk.audio_float_array
'''


def _command(deploy: Deployment) -> list[ExportFile]:
    params = deploy.params
    arguments(params)  # refuses knobs that the engine does not have
    options = [("--model", deploy.path), ("--output-raw",)]
    if "speaker" in deploy.facts:
        options.append(("--speaker", str(deploy.facts["speaker"])))
    if params.get("provider", CPU) == CUDA:
        options.append(("--cuda",))
    notes = [
        f"reads a text a line, and writes 16-bit samples of one channel at {deploy.facts.get('sample_rate', 22050)} Hz",
        "measured with the voice loaded once: piper loads it for each call",
        *place_notes(deploy),
    ]
    if (config := str(deploy.facts.get("config", ""))) not in ("", f"{deploy.path}.json"):
        notes.append(f"piper reads {deploy.path}.json, and measured was {config}: copy it there")
    notes += [
        f"{knob}={params[knob]} has no option in piper: it stays at its default (the target python has it)"
        for knob, default in _DEFAULTS.items()
        if params.get(knob, default) != default
    ]
    return command_files("piper", options, notes, deploy)
