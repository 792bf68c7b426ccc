"""Make the clips that are shipped: `python -m engines.embedded.make_clips` (needs the `train` extra).

120 chunks of 0.5 to 1.5 s and 120 utterances of 2 to 4 s by voices that training holds out; the utterances' sentences
are held out too. A third of the utterances have noise at 10 dB, half of them white, half pink.

`--librispeech FOLDER` writes another set instead, in LibriSpeech's layout: a chapter of ten utterances for each
held-out voice, as FLAC at 16 kHz. It is what a user's folder is tried with.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from engines.embedded.clips import CHUNK, CLIPS_AUDIO, CLIPS_LIST, UTTERANCE
from engines.embedded.espeak import HELD_OUT_VARIANTS, Espeak, draw_voice
from engines.embedded.log_mel import F32, SAMPLE_RATE
from engines.embedded.speech_examples import Utterance, noise, utterances
from engines.embedded.spoken import sentences

COUNT = 120
SEED = 2_000_000
LENGTHS_S = {CHUNK: (0.5, 1.5), UTTERANCE: (2.0, 4.0)}
MARGIN_S = 0.1
"""Silence before and after the words, as an end-pointer leaves it."""
SNR_DB = 10.0
COMPRESSION = 0.6
"""Of libsndfile: 0 is the best quality, 1 the smallest file."""


def main() -> None:
    """Write the audio and the list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--librispeech", type=Path, metavar="FOLDER")
    folder = parser.parse_args().librispeech
    if folder is None:
        write_clips()
    else:
        write_librispeech(folder)


def write_clips() -> None:
    """CLIPS_AUDIO and CLIPS_LIST."""
    import soundfile

    espeak, entries, parts, at = Espeak(), [], [], 0
    for kind, short_share in ((CHUNK, 1.0), (UTTERANCE, 0.0)):
        spoken = utterances(espeak, SEED + round(short_share), held_out=True, short_share=short_share)
        for number, (utterance, voice) in enumerate(itertools.islice(_fitting(spoken, kind), COUNT)):
            colour = ("", "", "white", "", "", "pink")[number % 6] if kind == UTTERANCE else ""
            audio = _sound(utterance, colour, SEED + number)
            entries.append(
                {
                    "id": f"{kind}-{number + 1:03}",
                    "kind": kind,
                    "start_s": round(at / SAMPLE_RATE, 5),
                    "seconds": round(audio.size / SAMPLE_RATE, 5),
                    "text": utterance.text,
                    "voice": voice,
                    "noise": colour,
                }
            )
            parts.append(audio)
            at += audio.size
    CLIPS_LIST.write_text("[\n" + ",\n".join(json.dumps(entry) for entry in entries) + "\n]\n", encoding="utf-8")
    with soundfile.SoundFile(
        str(CLIPS_AUDIO), "w", SAMPLE_RATE, 1, format="OGG", subtype="VORBIS", compression_level=COMPRESSION
    ) as file:
        # One clip at a time: libsndfile's Vorbis encoder overflows the stack with all of them at once.
        for part in parts:
            file.write(part)
    print(f"{len(entries)} clips, {at / SAMPLE_RATE:.0f} s, {CLIPS_AUDIO.stat().st_size / 1e6:.2f} MB")


def write_librispeech(folder: Path) -> None:
    """READER/CHAPTER/READER-CHAPTER-NUMBER.flac with READER-CHAPTER.trans.txt, one reader for each held-out voice."""
    import soundfile

    espeak, rng = Espeak(), random.Random(SEED)
    texts = sentences(SEED + 2, 0.0, held_out=True)
    for reader, variant in enumerate(HELD_OUT_VARIANTS, start=1):
        chapter = folder / str(reader) / "1"
        chapter.mkdir(parents=True, exist_ok=True)
        lines = []
        for number in range(10):
            text, voice = next(texts), replace(draw_voice(rng, held_out=True), variant=variant)
            name = f"{reader}-1-{number:04}"
            audio = _sound(Utterance(text, espeak.say(text, voice).audio, variant), "", SEED + number)
            soundfile.write(str(chapter / f"{name}.flac"), audio, SAMPLE_RATE)
            lines.append(f"{name} {text.upper()}")
        (chapter / f"{reader}-1.trans.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{10 * len(HELD_OUT_VARIANTS)} utterances in {folder}")


def _fitting(spoken: Iterator[Utterance], kind: str) -> Iterator[tuple[Utterance, str]]:
    """Utterances of the kind's length, no sentence twice."""
    least, most = LENGTHS_S[kind]
    seen: set[str] = set()
    for utterance in spoken:
        seconds = utterance.audio.size / SAMPLE_RATE + 2 * MARGIN_S
        if least <= seconds <= most and utterance.text not in seen:
            seen.add(utterance.text)
            yield utterance, utterance.voice


def _sound(utterance: Utterance, colour: str, seed: int) -> F32:
    margin = np.zeros(round(MARGIN_S * SAMPLE_RATE), np.float32)
    speech = utterance.audio.astype(np.float32) / 32768
    speech *= np.float32(0.5 / np.abs(speech).max())
    audio = np.concatenate([margin, speech, margin])
    if colour:
        level = math.sqrt(float(np.mean(speech**2))) * 10 ** (-SNR_DB / 20)
        slope = {"white": 0.0, "pink": 1.0}[colour]
        audio = audio + np.float32(level) * noise(audio.size / SAMPLE_RATE + 0.01, slope, seed)[: audio.size]
    # A whole number of hops, so that the list's times are exact.
    audio = np.pad(audio, (0, -audio.size % 160))
    return np.asarray(np.clip(audio, -1, 1), np.float32)


if __name__ == "__main__":
    main()
