"""The clips that ship, as espeak-ng speaks them, or their texts as a published voice reads them."""

from __future__ import annotations

from dataclasses import replace

from engines.base import Progress
from engines.recognition.clips import EMBEDDED_AUDIO, READ_ALOUD, Clip
from engines.recognition.read_aloud import read_aloud

MIXED, CHUNKS, UTTERANCES, RECORDING = "mixed", "chunks", "utterances", "recording"
KINDS = (MIXED, CHUNKS, UTTERANCES, RECORDING)
"""Chunks and utterances, one of them, or utterances joined to recordings of over a minute."""
RECORDING_CLIPS, RECORDING_GAP_S = 24, 0.8


def shipped_clips(kind: str, voice: str, real_model: bool, tell: Progress, progress: Progress) -> list[Clip]:
    """Those of a kind, read by a published `voice` unless that is "". Raises as `read_aloud` does.

    A `real_model` is one that was trained on people. `tell` is told what the user should read before the verdict too.
    """
    clips = _embedded(kind)
    if voice:
        digest, places = read_aloud(voice, [clip.text for clip in clips], progress)
        tell(f"the texts are read by {voice}, one voice: recordings of yours, by workload.audio=FOLDER, tell more")
        clips = [
            replace(clip, audio=f"{READ_ALOUD}{digest}", start_s=place.start_s, seconds=place.seconds)
            for clip, place in zip(clips, places, strict=True)
        ]
    elif real_model:
        tell(
            "the shipped clips are synthetic speech: give your own with workload.audio=FOLDER, or have their texts "
            "read by a published voice with workload.voice=piper-joe"
        )
    return clips


def is_chunk(clip: Clip) -> bool:
    """Whether a shipped clip is a chunk (0.5 to 1.5 s)."""
    from engines.embedded.clips import CHUNK

    return clip.id.startswith(CHUNK)


def _embedded(kind: str) -> list[Clip]:
    from engines.embedded.clips import CHUNK, UTTERANCE, spoken_clips

    wanted = {MIXED: (CHUNK, UTTERANCE), CHUNKS: (CHUNK,)}.get(kind, (UTTERANCE,))
    return [Clip(c.id, EMBEDDED_AUDIO, c.start_s, c.seconds, c.text) for c in spoken_clips() if c.kind in wanted]
