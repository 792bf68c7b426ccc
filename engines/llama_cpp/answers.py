"""What the most precise variant answers to each request: how long an answer is by nature, and whether it repeats.

Nobody is faster by saying less: every configuration's response time counts as many tokens as the reference's answer
has. And a speed that depends on what is said, as that of speculation does, is flattered by text that repeats the prompt
or itself, which small and base models write where people would not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from engines.base import Model, Progress, WorkItem
from engines.cache import cache_root, make_once
from engines.errors import EmptyOutputError
from engines.llama_cpp import models
from engines.llama_cpp.capabilities import build_of
from engines.llama_cpp.library import library
from engines.llama_cpp.prompts import said
from engines.llama_cpp.session import LlamaCppSession
from engines.machine_limits import usable_cores
from search_spaces.parameter import Value

FORMAT_VERSION = 1
NGRAM = 4
REPEATED_MOST = 0.5
"""Of an answer's n-grams, the share that stood in the prompt or earlier in the answer from which on it repeats."""
TELLING = 2 * NGRAM
"""Tokens below which an answer is too short to be called a repetition."""


@dataclass(frozen=True)
class Answer:
    """The reference's answer: its `tokens` (0: it ends at once), and the share of it that is `repeated` (0..1)."""

    tokens: int
    repeated: float

    @property
    def repeats(self) -> bool:
        """Whether it mostly repeats the prompt or itself."""
        return self.tokens >= TELLING and self.repeated > REPEATED_MOST


def reference_answers(model: Model, items: Sequence[WorkItem], progress: Progress) -> dict[str, Answer]:
    """By item, what the most precise variant answers with the library's own sampling. Made once and kept.

    Raises EngineError: InvalidOutputError where the model computes what is no number.
    """
    build = build_of(library())
    payloads = [item.payload for item in items]
    key = [
        FORMAT_VERSION,
        model.digest,
        model.reference,
        payloads,
        build["version"],
        build["llama_cpp"],
        usable_cores(),
    ]
    digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=dict).encode()).hexdigest()
    path = cache_root() / "answers" / f"{digest[:32]}.json"
    if not path.exists():
        progress(f"answering {len(items)} requests with the most precise variant, {model.reference or 'as given'}")
        text = json.dumps([asdict(answer) for answer in _answered(model, items, progress)])
        make_once(path, len(text), lambda temporary: _write(temporary, text))
    answers = [Answer(**answer) for answer in json.loads(path.read_text(encoding="utf-8"))]
    return {item.id: answer for item, answer in zip(items, answers, strict=True)}


def _answered(model: Model, items: Sequence[WorkItem], progress: Progress) -> list[Answer]:
    params: dict[str, Value] = {"n_threads": usable_cores(), "n_threads_batch": usable_cores()}
    if model.reference:
        params["quantization"] = model.reference
    session = LlamaCppSession(model, models.prepare(model, params, progress), params)
    try:
        return [_answer(session, item) for item in items]
    finally:
        session.close()


def _answer(session: LlamaCppSession, item: WorkItem) -> Answer:
    try:
        sample = session.run(item)
    except EmptyOutputError:
        return Answer(0, 0.0)
    prompt, answer = session.tokens(" ".join(said(item))), session.tokens(sample.output)
    return Answer(int(sample.units_out), round(repeated_share(prompt, answer), 4))


def repeated_share(prompt: Sequence[int], answer: Sequence[int]) -> float:
    """The share of the answer's n-grams that stand in the prompt, or earlier in the answer; 0 where there are none."""
    known = {tuple(prompt[at : at + NGRAM]) for at in range(len(prompt) - NGRAM + 1)}
    seen, total = 0, max(0, len(answer) - NGRAM + 1)
    for at in range(total):
        ngram = tuple(answer[at : at + NGRAM])
        seen += ngram in known
        known.add(ngram)
    return seen / total if total else 0.0


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
