"""The engines by name, and which of them a task uses unless told otherwise. One line per engine."""

from __future__ import annotations

import importlib

from engines.base import Engine
from search_spaces.errors import unknown_name

ENGINES = {
    "llama_cpp": "engines.llama_cpp:LlamaCppEngine",
    "whisper_cpp": "engines.whisper_cpp:WhisperCppEngine",
    "espeak": "engines.espeak:EspeakEngine",
    "kokoro": "engines.kokoro:KokoroEngine",
    "cosyvoice": "engines.cosyvoice:CosyVoiceEngine",
    "fake": "engines.fake:FakeEngine",
    "fake_voice": "engines.fake_voice:FakeVoiceEngine",
}

DEFAULT_ENGINE = {
    "llm": "llama_cpp",
    "stt": "whisper_cpp",
    "tts": "espeak",
}


def load_engine(name: str) -> Engine:
    """A new object of the engine called `name`. Raises TunerError with the nearest match when there is none."""
    if name not in ENGINES:
        raise unknown_name("engine", name, ENGINES)
    module, _, attribute = ENGINES[name].partition(":")
    engine: Engine = getattr(importlib.import_module(module), attribute)()
    return engine
