"""Quality against the repository's own configuration: fp32, eager, whole texts, ten steps, at a fixed seed.

The LLM draws its tokens by chance, and the smallest difference in a sum makes it say the same words in another way. Two
such takes differ more than any optimization could blur one of them. So the flow and the vocoder are compared on the
speech tokens that the reference's LLM drew, and the LLM by how long its own take is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from engines.base import Model, Progress, Workload
from engines.cache import make_once
from engines.cosyvoice.capabilities import capabilities
from engines.cosyvoice.requests import Request
from engines.cosyvoice.takes import off
from engines.cosyvoice.workload import judged_requests
from engines.errors import EngineError
from engines.synthesis.comparison import distance, features, judged
from engines.synthesis.gate import check
from engines.synthesis.intelligibility import word_errors
from engines.synthesis.references import References
from engines.synthesis.speech import Speech

TakenTokens = list[list[int]]
"""Speech tokens of each piece of a request."""


class Speaker(Protocol):
    """What a session must offer to be judged, or to make the reference."""

    def listen(self, request: Request) -> Speech:
        """One request by itself, from a clean state."""
        ...

    def taken(self) -> TakenTokens:
        """The speech tokens of each piece of the latest request."""
        ...

    def said_again(self, request: Request, taken: TakenTokens) -> Speech:
        """What `request` becomes from speech tokens that an LLM has drawn, by flow and vocoder alone."""
        ...


def references(model: Model) -> References:
    """The audio of the reference configuration, by model, voice and build."""
    voice = {name: model.facts[name] for name in ("prompt_text", "prompt_sha256") if name in model.facts}
    return References(model, capabilities().build, {"as": "the repository's own, fp32 and eager", **voice})


def missing(found: References, requests: Sequence[Request]) -> list[Request]:
    """Those that have no reference yet."""
    keys = set(found.missing([request.key for request in requests]))
    return [r for r in requests if r.key in keys or not tokens_file(found, r).exists()]


def make(session: Speaker, found: References, requests: Sequence[Request], progress: Progress) -> None:
    """Make the references of `requests` with `session`, the reference configuration. Raises InvalidOutputError."""
    for number, request in enumerate(requests, start=1):
        progress(f"speaking the reference {number} of {len(requests)}")
        speech = session.listen(request)
        check(speech.audio, speech.sample_rate, request.text, request.limits)
        taken = session.taken()
        # Said again, because the vocoder draws noise by chance too, and the LLM's draws would have come before.
        _keep(found, request, taken, session.said_again(request, taken))


def _keep(found: References, request: Request, taken: TakenTokens, speech: Speech) -> None:
    text = json.dumps(taken)
    make_once(tokens_file(found, request), len(text), lambda part: _write(part, text))
    found.make([request.key], lambda _: speech, lambda _: None)


def judge(session: Speaker, workload: Workload, found: References, heard: Mapping[str, Speech]) -> Mapping[str, float]:
    """`mel_distance_db`, `f0_rmse_hz` and `duration_ratio`, those of the worst text as `…_worst` (but for the
    pitch), and the word errors of the takes where somebody hears them.

    `heard` is what was spoken while it was measured. Raises InvalidOutputError, EngineError.
    """
    distances, takes, originals = [], [], []
    requests = judged_requests(workload)
    for request in requests:
        reference = found.read(request.key)
        if reference is None:
            raise EngineError("the reference for quality is gone", "run the sweep again")
        speech = heard.get(request.key) or session.listen(request)
        again = session.said_again(request, _read(tokens_file(found, request))).audio
        check(again, reference.sample_rate, request.text, request.limits, reference.seconds)
        compared = distance(features(again, reference.sample_rate, reference.peak_power), reference.features)
        distances.append(replace(compared, log_lengths=off(speech, reference.seconds)))
        takes.append((speech.audio, speech.sample_rate))
        originals.append((reference.audio, reference.sample_rate))
    if not distances:
        return {}
    metrics = judged(distances)
    if who := workload.quality.get("asr_model"):
        metrics |= word_errors(who, [request.text for request in requests], takes, originals)
    return metrics


def tokens_file(found: References, request: Request) -> Path:
    """Where the tokens of the reference's take lie, beside its audio."""
    return found.file(request.key).with_suffix(".tokens.json")


def _read(path: Path) -> TakenTokens:
    document: TakenTokens = json.loads(path.read_text(encoding="utf-8"))
    return document


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
