"""The reference configuration's transcripts: made once, kept, and what others are compared with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from engines.base import Model, Progress, Workload
from engines.cache import cache_root, make_once
from engines.recognition.clips import Passage
from engines.recognition.hearing import Ear, Heard, KnownTexts
from engines.recognition.material import Material, passages

FORMAT_VERSION = 3


class Opened(Ear, Protocol):
    """A session of the reference configuration."""

    def close(self) -> None:
        """Free everything."""
        ...


def reference_file(engine: str, model: Model, workload: Workload, build: Mapping[str, str]) -> Path:
    """Where the reference's transcripts lie: by model, clips, engine, build, and how they are made."""
    key = [FORMAT_VERSION, engine, model.digest, model.reference, workload.quality, build["version"], build["build"]]
    digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=dict).encode()).hexdigest()
    return cache_root() / "transcripts" / f"{digest[:32]}.json"


def known_texts(reference: Path) -> KnownTexts:
    """What all configurations heard that were judged beside it."""
    return KnownTexts(reference.with_suffix("") / "heard.jsonl")


def keep_reference(
    path: Path, workload: Workload, which: str, opened: Callable[[], Opened], progress: Progress
) -> str | None:
    """Make the reference's transcripts where they are not there; `which` configuration it is, in words.

    Why nothing that changes transcripts can be judged by them; None where it can.
    """
    if not (wanted := passages(workload)):
        return None
    if not path.exists():
        progress(f"transcribing {len(wanted)} clips with {which}")
        reference = opened()
        try:
            write_reference(path, wanted, reference, progress)
        finally:
            reference.close()
    return Material.of(workload, read_reference(path)).unjudgeable or None


def write_reference(path: Path, wanted: Sequence[Passage], ear: Ear, progress: Progress) -> None:
    """Write the transcripts of `ear` to `path`, and keep each for all that must hear the same.

    What an interrupted run has heard is not heard again.
    """
    known, heard = known_texts(path), []
    for number, passage in enumerate(wanted):
        if number and number % max(1, len(wanted) // 5) == 0:
            progress(f"transcribing the reference: {100 * number // len(wanted)} %")
        decides = ear.decides(passage.length_s)
        if (before := known.of(passage, decides)) is None:
            before = ear.hear_passage(passage)
            known.keep(passage, decides, before, ear.fell_back())
        heard.append(before)
    text = json.dumps({"clips": [{"text": one.text, "seconds": one.seconds} for one in heard]}, indent=1)
    make_once(path, len(text), lambda temporary: write_text(temporary, text))


def read_reference(path: Path) -> list[Heard]:
    """The reference's transcripts, in the order of the passages."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return [Heard(str(clip["text"]), float(clip["seconds"])) for clip in document["clips"]]


def write_text(path: Path, text: str) -> None:
    """For `make_once`."""
    path.write_text(text, encoding="utf-8")
