"""The chat requests of one round: the embedded model's, the neutral ones of this package, or the user's own file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from engines.base import Model, Progress, WorkItem, Workload
from engines.llama_cpp.library import gpu_count, library, vocabulary
from engines.llama_cpp.workload_size import AUTO, chosen_size
from engines.machine_limits import usable_cores
from engines.model_files import EMBEDDED
from engines.user_lists import json_lines, read_text
from search_spaces.errors import TunerError, unknown_name

_OPTIONS = ("name", "prompts", "size", "max_tokens", "ignore_eos")
_ITEM_KEYS = ("id", "prompt", "messages", "max_tokens")
_MAX_TOKENS = 32
_LEAST_TOKENS = 2
_TEMPLATE_TOKENS = 16
"""Room for what a chat template adds around a message."""


class WorkloadError(TunerError):
    """A workload's configuration or prompts cannot be used."""


def resolve_workload(config: Mapping[str, Any], model: Model, progress: Progress) -> Workload:
    """The Workload of a `workload` configuration. Raises WorkloadError.

    `prompts` is a file (.txt and others: a prompt a line; .jsonl: a JSON string or object a line; .yaml: a list), a
    list of the same entries, or nothing for those that come with the tool. An entry is a prompt, or `{id, prompt |
    messages, max_tokens}`. `size` says how many of those that come with the tool are used (`workload_size.py`).
    `max_tokens` is of entries that have none; `ignore_eos` (true unless set) has every request
    generate exactly its `max_tokens`. Beyond the model's natural end text tends to repeat itself, which flatters
    speculation: keep `max_tokens` below the length of real answers, or set `ignore_eos=false`.
    """
    for option in config:
        if option not in _OPTIONS:
            raise unknown_name("workload option", str(option), _OPTIONS)
    most = None if config.get("max_tokens") is None else _answer_length("workload.max_tokens", config["max_tokens"])
    ignore_eos = config.get("ignore_eos")
    ignore_eos = True if ignore_eos is None else bool(ignore_eos)
    name, given, text = str(config.get("name") or "chat"), config.get("prompts"), _text(model)
    # The context is part of the workload's identity: configurations of another context do not compare.
    quality = {"text": text, "n_ctx": model.facts["n_ctx"]}
    if given:
        if config.get("size") not in (None, AUTO):
            raise WorkloadError("workload.size is of the prompts that come with the tool", "leave it out")
        items = _items(_own(given), most or _MAX_TOKENS, ignore_eos)
        tokens = _tokens(items, model)
        _check_fit(items, tokens, model)
        return Workload(name, items, quality, facts={"longest_prompt": max(tokens)})
    entries = _entries(model)
    tokens = _tokens(_items(entries, most or _MAX_TOKENS, ignore_eos), model)
    parameters, cores = int(model.facts["n_parameters"]), usable_cores()
    size, note = chosen_size(config.get("size"), tokens, most, parameters, cores, gpu_count())
    items = _items(entries[: size.prompts], most or size.max_tokens, ignore_eos)
    _check_fit(items, tokens, model)
    longest = max(tokens[: size.prompts])
    return Workload(name, items, quality, (note,) if note else (), {"longest_prompt": longest})


def _entries(model: Model) -> list[Any]:
    """The prompts that come with the tool, shortest first."""
    if model.source != EMBEDDED:
        return _neutral_prompts()
    from engines.embedded.texts import prompts

    # Of the two prompts of each length one is enough: a round should take seconds on the smallest machine.
    return [{"id": p.id, "messages": list(p.messages)} for p in prompts()[::2]]


def _text(model: Model) -> str:
    if model.source != EMBEDDED:
        return _neutral_text()
    from engines.embedded.texts import held_out_text

    return held_out_text()


def _neutral_prompts() -> list[Any]:
    name = "prompts.yaml"
    return _parse((resources.files(__package__) / name).read_text(encoding="utf-8"), Path(name))


def _neutral_text() -> str:
    return (resources.files(__package__) / "held_out.txt").read_text(encoding="utf-8")


def _own(given: Any) -> list[Any]:
    """The entries of the user's own list or file."""
    if isinstance(given, list | tuple):
        return list(given)
    path = Path(str(given)).expanduser()
    entries = _parse(read_text(path, "prompts file", "check workload.prompts", WorkloadError), path)
    if not entries:
        raise WorkloadError(f"{path} has no prompts", "write one prompt a line")
    return entries


def _parse(text: str, path: Path) -> list[Any]:
    if path.suffix == ".jsonl":
        return [entry for _, entry in json_lines(text, str(path), "a string or an object", WorkloadError)]
    if path.suffix in (".yaml", ".yml", ".json"):
        import yaml

        try:
            document = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise WorkloadError(f"{path} is not YAML: {str(error).splitlines()[0]}", "fix it") from error
        if not isinstance(document, list | None):
            raise WorkloadError(f"{path} is not a list of prompts", "begin each with a dash")
        return document or []
    return [line.strip() for line in text.splitlines() if line.strip()]


def _items(entries: list[Any], most: int, ignore_eos: bool) -> tuple[WorkItem, ...]:
    items = tuple(_item(number, entry, most, ignore_eos) for number, entry in enumerate(entries, start=1))
    _check_ids(items)
    return items


def _item(number: int, entry: Any, most: int, ignore_eos: bool) -> WorkItem:
    """A work item of an entry; its payload is `{messages, max_tokens, ignore_eos}`."""
    name = f"prompt {number}"
    if isinstance(entry, str):
        entry = {"prompt": entry}
    if not isinstance(entry, Mapping):
        raise WorkloadError(
            f"{name} is {entry!r}", "write a text, or an object with id, prompt or messages, max_tokens"
        )
    for key in entry:
        if key not in _ITEM_KEYS:
            raise unknown_name(f"key of {name}", str(key), _ITEM_KEYS)
    if ("prompt" in entry) == ("messages" in entry):
        raise WorkloadError(f"{name} needs either a prompt or messages", "give one of them")
    messages = entry.get("messages", [{"role": "user", "content": entry.get("prompt")}])
    if not isinstance(messages, list | tuple) or not messages or not all(_is_message(m) for m in messages):
        raise WorkloadError(f"{name} has no usable text", "messages are a list of {role: user, content: TEXT}")
    max_tokens = _answer_length(f"max_tokens of {name}", entry.get("max_tokens", most))
    payload = {"messages": [dict(m) for m in messages], "max_tokens": max_tokens, "ignore_eos": ignore_eos}
    return WorkItem(str(entry.get("id", f"prompt-{number}")), payload)


def _is_message(message: Any) -> bool:
    """A role and a text that is not blank."""
    if not isinstance(message, Mapping) or set(message) != {"role", "content"}:
        return False
    return all(isinstance(message[key], str) and message[key].strip() for key in ("role", "content"))


def _answer_length(what: str, value: Any) -> int:
    """A number of tokens that has a rate: between one token and the next there must be a time."""
    if isinstance(value, bool) or not isinstance(value, int) or value < _LEAST_TOKENS:
        raise WorkloadError(f"{what} is {value!r}", f"give a whole number of tokens, at least {_LEAST_TOKENS}")
    return value


def _check_ids(items: tuple[WorkItem, ...]) -> None:
    """Items are told apart by their ids."""
    for name, count in Counter(item.id for item in items).items():
        if count > 1:
            raise WorkloadError(f"{count} prompts have the id {name!r}", "give each its own, or none")


def _tokens(items: Sequence[WorkItem], model: Model) -> list[int]:
    """How many tokens each request takes, with room for the chat template."""
    llama_cpp = library()
    with vocabulary(Path(model.variants[model.native])) as handle:
        vocab = llama_cpp.llama_model_get_vocab(handle)

        def count(text: bytes) -> int:
            # Without a buffer the library answers with the negative of the number of tokens.
            return -int(llama_cpp.llama_tokenize(vocab, text, len(text), None, 0, False, False))

        return [sum(count(m["content"].encode()) + _TEMPLATE_TOKENS for m in i.payload["messages"]) for i in items]


def _check_fit(items: Sequence[WorkItem], tokens: Sequence[int], model: Model) -> None:
    """Every request and its answer must fit the context; `tokens` are those of the requests."""
    context = int(model.facts["n_ctx"])
    for item, prompt in zip(items, tokens, strict=False):
        if (needed := prompt + item.payload["max_tokens"]) > context:
            raise WorkloadError(
                f"{item.id} takes about {needed} tokens with its answer, and the context has {context}",
                "shorten it, or raise model.n_ctx",
            )
