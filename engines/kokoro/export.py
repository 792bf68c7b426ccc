"""Production files of a measured configuration."""

from __future__ import annotations

from collections.abc import Mapping

from engines.base import ExportFile
from engines.deploy import Deployment
from engines.export_text import files_of, filled
from engines.kokoro.session import CLAUSE_PAUSE_S, SENTENCE_PAUSE_S
from engines.kokoro.settings import arguments
from engines.synthesis.export import splitting_file
from engines.synthesis.splitting import KNOBS

TARGETS: Mapping[str, str] = {
    "python": "module with the model's path, the SessionOptions of onnxruntime and speak(), through kokoro-onnx"
}


def export(target: str, deploy: Deployment) -> list[ExportFile]:
    """The files of `target`. Raises TunerError."""
    return files_of(target, deploy, {"python": _python_module})


def _python_module(deploy: Deployment) -> list[ExportFile]:
    params, facts = deploy.params, deploy.facts
    asked = arguments(params)
    values = {
        "MODEL_PATH": deploy.path,
        "VOICES_PATH": str(facts.get("voices", "")),
        "VOICE": str(facts.get("voice", "")),
        "LANGUAGE": str(facts.get("language", "en-us")),
        "PROVIDERS": list(asked.providers),
        "OPTIONS": dict(asked.attributes),
        "ENUMS": dict(asked.enums),
        "ENTRIES": dict(asked.entries),
        "SPLITTING": {knob: params[knob] for knob in KNOBS if knob in params},
        "PHRASES": str(facts.get("phrases", "")).split("\n") if params.get("phrase_cache") else [],
        "SENTENCE_PAUSE_S": SENTENCE_PAUSE_S,
        "CLAUSE_PAUSE_S": CLAUSE_PAUSE_S,
    }
    return [ExportFile("tts.py", filled(_MODULE, deploy, values)), splitting_file()]


_MODULE = '''{title}

from typing import Any, Iterator

import numpy as np
from splitting import opening, pieces

{values}
SAMPLE_RATE = 24000


class Voice:
    """Kokoro with the measured settings; phrases that the cache holds are spoken when it is made."""

    def __init__(self) -> None:
        import onnxruntime
        from kokoro_onnx import Kokoro

        options = onnxruntime.SessionOptions()
        for name, value in OPTIONS.items():
            setattr(options, name, value)
        for name, (kind, member) in ENUMS.items():
            setattr(options, name, getattr(getattr(onnxruntime, kind), member))
        for name, value in ENTRIES.items():
            options.add_session_config_entry(name, value)
        session = onnxruntime.InferenceSession(MODEL_PATH, options, providers=PROVIDERS)
        if PROVIDERS[0] not in session.get_providers():
            raise RuntimeError(f"{{PROVIDERS[0]}} does not load here, and nothing else was measured")
        self._kokoro: Any = Kokoro.from_session(session, VOICES_PATH)
        self._create("1, 2.")  # the first text takes longer
        self._cache = {{phrase: self._create(phrase) for phrase in PHRASES}}

    def speak(self, text: str) -> Iterator[np.ndarray]:
        """Chunks of float32 samples of one channel at SAMPLE_RATE, each as soon as it is made."""
        text = " ".join(text.split())
        begins = opening(text, self._cache)
        parts = [*([begins] if begins else []), *pieces(text[len(begins) :], SPLITTING)]
        for number, part in enumerate(parts, start=1):
            audio = self._cache[part] if part in self._cache else self._create(part)
            yield audio if number == len(parts) else np.concatenate([audio, _pause(part)])

    def _create(self, text: str) -> np.ndarray:
        audio, _ = self._kokoro.create(
            text, VOICE, lang=LANGUAGE, sentence_pause=SENTENCE_PAUSE_S, clause_pause=CLAUSE_PAUSE_S
        )
        return audio.astype(np.float32, copy=False)


def _pause(text: str) -> np.ndarray:
    mark = text.rstrip("\\"'”’)]")[-1:]
    seconds = SENTENCE_PAUSE_S if mark in ".!?…" else CLAUSE_PAUSE_S if mark in ",;:" else 0.0
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)
'''
