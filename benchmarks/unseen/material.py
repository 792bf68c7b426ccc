"""Material that no sweep was made on: speech by a published Piper voice, requests, and sentences.

The voice reads short commands and long paragraphs, at several speeds, with silence before and after, some of it with
noise. Nothing of it is kept in this repository but the texts; the same call makes the same files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

TEXTS = Path(__file__).with_name("texts.yaml")
SPEEDS = (1.0, 0.85, 1.15)
SILENCES_S = ((0.0, 0.0), (0.3, 1.5), (1.0, 0.2))
SIGNAL_TO_NOISE_DB = (None, None, None, 15.0)
"""By turns: the speeds, the silences before and after, and the noise of the clips."""


def texts(kind: str) -> list[str]:
    """The texts of one kind: `speech`, `sentences` or `prompts`."""
    found: dict[str, list[str]] = yaml.safe_load(TEXTS.read_text(encoding="utf-8"))
    return [" ".join(text.split()) for text in found[kind]]


def write_speech(folder: Path, voice: Path) -> Path:
    """WAV files with a text file beside each, read by the Piper `voice` (an .onnx file); the folder again."""
    from piper import PiperVoice
    from piper.config import SynthesisConfig

    folder.mkdir(parents=True, exist_ok=True)
    speaker: Any = PiperVoice.load(str(voice))
    rate = int(speaker.config.sample_rate)
    for number, text in enumerate(texts("speech")):
        settings = SynthesisConfig(length_scale=1 / SPEEDS[number % len(SPEEDS)], noise_scale=0.0, noise_w_scale=0.0)
        spoken = np.concatenate([chunk.audio_float_array for chunk in speaker.synthesize(text, settings)])
        before_s, after_s = SILENCES_S[number % len(SILENCES_S)]
        audio = np.concatenate([np.zeros(int(before_s * rate)), spoken, np.zeros(int(after_s * rate))])
        ratio_db = SIGNAL_TO_NOISE_DB[number % len(SIGNAL_TO_NOISE_DB)]
        if ratio_db is not None:
            level = float(np.sqrt(np.mean(np.square(spoken)))) / 10 ** (ratio_db / 20)
            audio = audio + np.random.default_rng(number).normal(0.0, level, audio.size)
        _write(folder / f"unseen-{number:02d}.wav", audio, rate)
        (folder / f"unseen-{number:02d}.txt").write_text(text + "\n", encoding="utf-8")
    return folder


def write_lines(file: Path, kind: str) -> Path:
    """A text a line; the file again."""
    file.write_text("\n".join(texts(kind)) + "\n", encoding="utf-8")
    return file


def _write(file: Path, audio: Any, rate: int) -> None:
    import soundfile

    soundfile.write(file, np.clip(audio, -1.0, 1.0), rate, subtype="PCM_16")
