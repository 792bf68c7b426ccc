"""Word errors of a configuration, and how many more they are than the most precise configuration's.

The most precise one is the engine's reference configuration. Its transcripts are made once and kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from engines.base import Model, Progress, Workload
from engines.cache import cache_root, make_once
from engines.recognition.clips import Passage
from engines.recognition.transcripts import count_errors

FORMAT_VERSION = 1


def passages(workload: Workload) -> list[Passage]:
    """What word errors are counted on; [] when the workload has nothing for it."""
    return [Passage.from_json(document) for document in workload.quality.get("passages", ())]


def reference_file(model: Model, workload: Workload, build: Mapping[str, str]) -> Path:
    """Where the reference's transcripts lie: by model, clips, build, and how they are made."""
    key = [FORMAT_VERSION, model.digest, model.reference, workload.quality, build["version"], build["build"]]
    digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=dict).encode()).hexdigest()
    return cache_root() / "transcripts" / f"{digest[:32]}.json"


def prepare_reference(path: Path, workload: Workload, transcribe: Callable[[Passage], str], progress: Progress) -> None:
    """Write the reference's transcripts to `path`."""
    wanted, transcripts = passages(workload), []
    for number, passage in enumerate(wanted):
        if number and number % max(1, len(wanted) // 5) == 0:
            progress(f"transcribing the reference: {100 * number // len(wanted)} %")
        transcripts.append(transcribe(passage))
    text = json.dumps({"transcripts": transcripts}, indent=1)
    make_once(path, len(text), lambda temporary: _write(temporary, text))


def judge(transcripts: Sequence[str], reference: Path, workload: Workload) -> dict[str, float]:
    """`wer`, `cer`, and `wer_increase` over the reference's on the same clips."""
    said, language = [p.text for p in passages(workload)], str(workload.quality["language"])
    errors = count_errors(said, transcripts, language)
    of_reference = count_errors(said, read_reference(reference), language)
    return {"wer": errors.wer, "cer": errors.cer, "wer_increase": errors.wer - of_reference.wer}


def read_reference(path: Path) -> list[str]:
    """The reference's transcripts, in the order of the passages."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return [str(text) for text in document["transcripts"]]


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
