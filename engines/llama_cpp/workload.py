"""The requests of a round, divided into what is searched on and what is held out, with answers of natural length.

Requests end where the model ends, and each knows how many tokens the most precise variant's answer has (`answers.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from engines.base import Model, Progress, WorkItem, Workload
from engines.division import LEAST, divide_alike, too_few
from engines.llama_cpp.answers import Answer, reference_answers
from engines.llama_cpp.library import gpu_count, library, vocabulary
from engines.llama_cpp.prompts import (
    LEAST_TOKENS,
    LENGTHS,
    WorkloadError,
    answer_length,
    continues,
    own_entries,
    said,
    shipped_entries,
    work_items,
)
from engines.llama_cpp.workload_size import AUTO, chosen_size
from engines.machine_limits import usable_cores
from engines.model_files import EMBEDDED
from search_spaces.errors import unknown_name

_OPTIONS = ("name", "prompts", "size", "max_tokens", "ignore_eos")
_MAX_TOKENS = 32
_TEMPLATE_TOKENS = 16
"""Room for what a chat template adds around a message."""


@dataclass(frozen=True)
class _Pool:
    """All requests there are, how many tokens each takes, and what the user should know about them.

    The searched and the held-out part of them take `per_round` in a round, all where it is None.
    """

    items: tuple[WorkItem, ...]
    tokens: Mapping[str, int]
    notes: tuple[str, ...] = ()
    per_round: int | None = None


def resolve_workload(config: Mapping[str, Any], model: Model, progress: Progress) -> Workload:
    """The Workload of a `workload` configuration. Raises WorkloadError.

    `prompts` is a file (.txt and others: a prompt a line; .jsonl: a JSON string or object a line; .yaml: a list), a
    list of the same entries, or nothing for those that come with the tool. An entry is a prompt, or `{id, prompt |
    messages, max_tokens}`. `size` says how many of those that come with the tool are used (`workload_size.py`).
    `max_tokens` is of entries that have none: the most that is answered. With `ignore_eos` every request generates
    exactly its `max_tokens`, beyond the model's natural end, where text tends to repeat itself; speculation, which that
    flatters, is not searched then. A model without a chat template continues prompts (`prompts.py`).
    """
    for option in config:
        if option not in _OPTIONS:
            raise unknown_name("workload option", str(option), _OPTIONS)
    most = None if config.get("max_tokens") is None else answer_length("workload.max_tokens", config["max_tokens"])
    ignore_eos, own = bool(config.get("ignore_eos")), config.get("prompts")
    if own:
        if config.get("size") not in (None, AUTO):
            raise WorkloadError("workload.size is of the prompts that come with the tool", "leave it out")
        pool = _own_pool(own_entries(own), most or _MAX_TOKENS, ignore_eos, model)
    else:
        pool = _shipped_pool(config.get("size"), most, ignore_eos, model)
    _check_fit(pool, model)
    natural = not ignore_eos
    if natural:
        pool, natural = _answered(pool, model, progress)
    searched, held_out = _divided(pool, shipped=not own)
    notes = pool.notes if held_out else (*pool.notes, too_few(len(searched), "prompts"))
    name, (text, proof_text) = str(config.get("name") or "chat"), _texts(model)
    longest = max(pool.tokens[item.id] for item in (*searched, *held_out))

    def part(items: Sequence[WorkItem], text: str) -> Workload:
        # The context is part of the workload's identity: configurations of another context do not compare.
        return Workload(name, tuple(items), {"text": text, "n_ctx": model.facts["n_ctx"]})

    proof = part(held_out, proof_text) if held_out else None
    facts, sizes = {"natural_answers": natural}, {"longest_prompt": longest}
    return replace(part(searched, text), notes=notes, facts=facts, sizes=sizes, held_out=proof)


def _own_pool(entries: list[Any], most: int, ignore_eos: bool, model: Model) -> _Pool:
    items = work_items(entries, most, ignore_eos, continues(model))
    chats = [item for item in items if "messages" in item.payload]
    note = "the model has no chat template: the library puts messages into that of Llama 2"
    return _Pool(items, _tokens(items, model), (note,) if chats and continues(model) else ())


def _shipped_pool(asked: Any, most: int | None, ignore_eos: bool, model: Model) -> _Pool:
    """As many prompts of each length as there are, of as many lengths as the size allows."""
    entries = shipped_entries(model)
    of_each = len(entries) // LENGTHS

    def items_of(lengths: int, most: int) -> tuple[WorkItem, ...]:
        return work_items(entries[: lengths * of_each], most, ignore_eos, continues(model))

    tokens = _tokens(items_of(LENGTHS, most or _MAX_TOKENS), model)
    each = list(tokens.values())
    shortest = [min(each[at : at + of_each]) for at in range(0, len(each), of_each)]
    parameters, cores = int(model.facts["n_parameters"]), usable_cores()
    size, note = chosen_size(asked, shortest, most, parameters, cores, gpu_count())
    items = items_of(size.prompts, most or size.max_tokens)
    return _Pool(items, tokens, (note,) if note else (), size.prompts)


def _answered(pool: _Pool, model: Model, progress: Progress) -> tuple[_Pool, bool]:
    """The pool with the length of the reference's answer to each request, and whether the answers are natural.

    Requests whose answers repeat the prompt or themselves are left out; where no other is left they stay, and tell
    nothing about speculation. One that is not answered at all cannot be timed.
    """
    answers = reference_answers(model, pool.items, progress)
    items = [_due(item, answers[item.id]) for item in pool.items if answers[item.id].tokens]
    if not items:
        raise WorkloadError(
            "the model answers none of the requests: it ends its text at once", "give workload.prompts that it answers"
        )
    silent = len(pool.items) - len(items)
    continued = [item for item in pool.items if "prompt" in item.payload]
    kept = [item for item in items if not answers[item.id].repeats]
    notes = [*pool.notes, *([_ends(continued, answers)] if continued else [])]
    if silent:
        notes.append(f"{silent} of {len(pool.items)} requests are not answered: left out")
    if not kept:
        notes.append("the model only repeats the prompt or itself: speculation, which that flatters, is not searched")
    elif len(kept) < len(items):
        notes.append(f"{len(items) - len(kept)} of {len(items)} answers repeat the prompt or themselves: left out")
    return replace(pool, items=tuple(kept or items), notes=tuple(notes)), bool(kept)


def _due(item: WorkItem, answer: Answer) -> WorkItem:
    """The request with the length of the reference's answer, at which a continuation, which has no end, is cut."""
    payload = {**item.payload, "answer_tokens": answer.tokens}
    if "prompt" in payload:
        payload["max_tokens"] = max(answer.tokens, LEAST_TOKENS)
    return WorkItem(item.id, payload)


def _ends(continued: Sequence[WorkItem], answers: Mapping[str, Answer]) -> str:
    ended = sum(answers[item.id].tokens < item.payload["max_tokens"] for item in continued)
    return (
        f"the model has no chat template: {len(continued)} texts are continued; it ends {ended} of them itself, and "
        "each is cut where its most precise variant ends or reaches max_tokens"
    )


def _divided(pool: _Pool, shipped: bool) -> tuple[Sequence[WorkItem], Sequence[WorkItem]]:
    """What is searched on, and what is held out; () where there is too little."""
    items, tokens = pool.items, pool.tokens

    def content(item: WorkItem) -> str:
        return json.dumps(item.payload.get("messages") or item.payload["prompt"], sort_keys=True)

    if not shipped and len(items) < LEAST:
        return items, ()
    searched, held_out = divide_alike(items, content, lambda item: tokens[item.id])
    if not held_out:
        return items, ()
    count = min(pool.per_round or len(items), len(searched), len(held_out))
    return _spread(searched, count, tokens), _spread(held_out, count, tokens)


def _spread(items: Sequence[WorkItem], count: int, tokens: Mapping[str, int]) -> list[WorkItem]:
    """`count` requests whose lengths stand for those of all, shortest first."""
    ranked = sorted(items, key=lambda item: tokens[item.id])
    return [ranked[(2 * at + 1) * len(ranked) // (2 * count)] for at in range(count)]


def _texts(model: Model) -> tuple[str, str]:
    """What quality is judged on in the search, and for the proof."""
    if model.source != EMBEDDED:
        here = resources.files(__package__)
        texts = [(here / name).read_text(encoding="utf-8") for name in ("held_out.txt", "held_out_proof.txt")]
        return texts[0], texts[1]
    from engines.embedded.texts import held_out_text

    text = held_out_text()
    middle = text.index("\n", len(text) // 2)
    return text[:middle], text[middle + 1 :]


def _tokens(items: Sequence[WorkItem], model: Model) -> dict[str, int]:
    """How many tokens each request takes, with room for the chat template."""
    llama_cpp = library()
    with vocabulary(Path(model.variants[model.native])) as handle:
        vocab = llama_cpp.llama_model_get_vocab(handle)

        def count(text: bytes) -> int:
            # Without a buffer the library answers with the negative of the number of tokens.
            return -int(llama_cpp.llama_tokenize(vocab, text, len(text), None, 0, False, False))

        def room(item: WorkItem) -> int:
            return 0 if "prompt" in item.payload else _TEMPLATE_TOKENS * len(said(item))

        return {item.id: sum(count(text.encode()) for text in said(item)) + room(item) for item in items}


def _check_fit(pool: _Pool, model: Model) -> None:
    """Every request and its answer must fit the context."""
    context = int(model.facts["n_ctx"])
    for item in pool.items:
        if (needed := pool.tokens[item.id] + item.payload["max_tokens"]) > context:
            raise WorkloadError(
                f"{item.id} takes about {needed} tokens with its answer, and the context has {context}",
                "shorten it, or raise model.n_ctx",
            )
