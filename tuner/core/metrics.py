"""The metrics: names with units, direction, definition. The one source for help, MLflow, reports and docs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from search_spaces.errors import unknown_name

Direction = Literal["maximize", "minimize"]
Kind = Literal["speed", "quality", "memory", "load"]


@dataclass(frozen=True)
class Metric:
    """A number that a trial can have, from `lowest` to `highest`. `tasks` empty means every task."""

    name: str
    unit: str
    direction: Direction
    definition: str
    tasks: tuple[str, ...] = ()
    kind: Kind = "speed"
    lowest: float = 0.0
    highest: float = math.inf


_UP: Direction = "maximize"
_DOWN: Direction = "minimize"

METRICS: dict[str, Metric] = {
    m.name: m
    for m in (
        Metric(
            "decode_tokens_per_second", "tok/s", _UP, "tokens after the first ÷ time from first to last token", ("llm",)
        ),
        Metric("prefill_tokens_per_second", "tok/s", _UP, "prompt tokens ÷ time to the first token", ("llm",)),
        Metric("ftl_ms", "ms", _DOWN, "submitted → first output, median over items", ("llm", "tts")),
        Metric("ftl_ms_p95", "ms", _DOWN, "submitted → first output, 95th percentile over items", ("llm", "tts")),
        Metric("itl_ms_p95", "ms", _DOWN, "time between consecutive tokens, 95th percentile", ("llm",)),
        Metric("response_s", "s", _DOWN, "submitted → last token, mean over items", ("llm",)),
        Metric("engine_decode_tokens_per_second", "tok/s", _UP, "decode speed by the engine's own timer", ("llm",)),
        Metric("engine_prefill_tokens_per_second", "tok/s", _UP, "prefill speed by the engine's own timer", ("llm",)),
        Metric(
            "kld",
            "nat",
            _DOWN,
            "mean KL divergence of the next-token distribution from the most precise variant",
            ("llm",),
            "quality",
        ),
        Metric(
            "top1_agreement",
            "",
            _UP,
            "share of positions whose likeliest token is the most precise variant's",
            ("llm",),
            "quality",
            highest=1.0,
        ),
        Metric(
            "perplexity",
            "",
            _DOWN,
            "exp of the mean negative log-likelihood of the held-out text",
            ("llm",),
            "quality",
            lowest=1.0,
        ),
        Metric("rtf", "", _DOWN, "processing seconds per second of audio", ("stt", "tts")),
        Metric("latency_ms", "ms", _DOWN, "end of the audio → transcript, median over clips", ("stt",)),
        Metric("latency_ms_p95", "ms", _DOWN, "end of the audio → transcript, 95th percentile over clips", ("stt",)),
        Metric("wer", "", _DOWN, "word errors ÷ words of the reference transcripts", ("stt", "tts"), "quality"),
        Metric(
            "wer_increase",
            "",
            _DOWN,
            "wer minus that of the most precise configuration on the same clips: 0.01 is one point",
            ("stt", "tts"),
            "quality",
            lowest=-math.inf,
        ),
        Metric(
            "cer", "", _DOWN, "character errors ÷ characters of the reference transcripts", ("stt", "tts"), "quality"
        ),
        Metric(
            "stall_ms",
            "ms",
            _DOWN,
            "silence inside a text that is played from its first audio on, because audio comes late; worst text",
            ("tts",),
        ),
        Metric("synthesis_s", "s", _DOWN, "submitted → last audio of a sentence, mean over sentences", ("tts",)),
        Metric(
            "throughput_x",
            "s/s",
            _UP,
            "seconds of audio (at most the reference's, and made anew) per second of the wall clock",
            ("tts",),
        ),
        Metric(
            "mel_distance_db",
            "dB",
            _DOWN,
            "log-mel distance from the reference configuration's audio, over all texts",
            ("tts",),
            "quality",
        ),
        Metric("mel_distance_db_worst", "dB", _DOWN, "mel_distance_db of the worst text", ("tts",), "quality"),
        Metric(
            "f0_rmse_hz", "Hz", _DOWN, "pitch error against the reference configuration's audio", ("tts",), "quality"
        ),
        Metric(
            "duration_ratio",
            "",
            _DOWN,
            "length ÷ the reference's length, or its inverse: 1 is equal, more is worse; mean over texts",
            ("tts",),
            "quality",
            lowest=1.0,
        ),
        Metric("duration_ratio_worst", "", _DOWN, "duration_ratio of the worst text", ("tts",), "quality", lowest=1.0),
        Metric("turn_first_audio_ms", "ms", _DOWN, "end of speech → first audio of the answer", ("pipeline",)),
        Metric("turn_s", "s", _DOWN, "end of speech → last audio of the answer", ("pipeline",)),
        Metric("stt_ms", "ms", _DOWN, "the turn's share in speech to text", ("pipeline",)),
        Metric("llm_ftl_ms", "ms", _DOWN, "transcript → first token, within the turn", ("pipeline",)),
        Metric("llm_s", "s", _DOWN, "transcript → last token, within the turn", ("pipeline",)),
        Metric("tts_ftl_ms", "ms", _DOWN, "first sentence → first audio, within the turn", ("pipeline",)),
        Metric("overhead_ms", "ms", _DOWN, "the turn's time outside of every engine", ("pipeline",)),
        Metric(
            "task_accuracy",
            "",
            _UP,
            "share of turns that end in the right answer",
            ("pipeline",),
            "quality",
            highest=1.0,
        ),
        Metric("load_s", "s", _DOWN, "open with the model file out of the page cache, where the OS allows", (), "load"),
        Metric("load_cached_s", "s", _DOWN, "open with the model file in the page cache", (), "load"),
        Metric("vram_peak_mib", "MiB", _DOWN, "peak device memory of the worker and what it started", (), "memory"),
        Metric(
            "rss_peak_mib",
            "MiB",
            _DOWN,
            "peak resident memory of the worker and what it started",
            (),
            "memory",
            lowest=1.0,
        ),
        Metric("model_mib", "MiB", _DOWN, "size of the model file", (), "memory"),
        Metric(
            "energy_j_per_unit", "J", _DOWN, "device energy per token or audio second, where the hardware tells", ()
        ),
    )
}


def metric(name: str) -> Metric:
    """The metric called `name`. Raises TunerError with the nearest match when there is none."""
    if name not in METRICS:
        raise unknown_name("metric", name, METRICS)
    return METRICS[name]
