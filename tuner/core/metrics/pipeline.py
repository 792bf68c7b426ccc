"""Metrics of a whole voice turn."""

from __future__ import annotations

from engines.base import Metric

METRICS = (
    Metric("turn_first_audio_ms", "ms", "minimize", "speed", "end of speech → first audio of the answer"),
    Metric("turn_s", "s", "minimize", "speed", "end of speech → last audio of the answer"),
    Metric("stt_ms", "ms", "minimize", "speed", "the turn's share in speech to text"),
    Metric("llm_ftl_ms", "ms", "minimize", "speed", "transcript → first token, within the turn"),
    Metric("llm_s", "s", "minimize", "speed", "transcript → last token, within the turn"),
    Metric("tts_ftl_ms", "ms", "minimize", "speed", "first sentence → first audio, within the turn"),
    Metric("overhead_ms", "ms", "minimize", "speed", "the turn's time outside of every engine"),
    Metric("task_accuracy", "", "maximize", "quality", "share of turns that end in the right answer", highest=1.0),
)
